import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type Plan, type PlanInput, parsePlan, plans } from "../../compare/index.ts";
import { didYouMean, displayName, SelfsightError } from "../../errors.ts";
import { readDataFile } from "./data-file.ts";

/** A shipped plan by name, or a user's file as recipes are read, on other pictures where `data` names them. Errors: configuration. */
export async function loadPlan(name: string, data?: string): Promise<Plan> {
  const written = Object.hasOwn(plans, name) ? plans[name as keyof typeof plans] : await readPlan(name);
  return parsePlan(data === undefined ? written : { ...written, data }, name);
}

async function readPlan(name: string): Promise<PlanInput> {
  if (!existsSync(name))
    throw refusal(
      displayName(name),
      `a shipped plan (${Object.keys(plans).join(", ")}) or a file is needed`,
      `check the name.${didYouMean(name, Object.keys(plans))}`,
    );
  try {
    const value = await readDataFile(resolve(name));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as PlanInput;
  } catch (cause) {
    throw refusal(
      `${displayName(name)}: ${(cause as Error).message}`,
      planNeeded,
      "see src/compare/plan/shipped for examples",
    );
  }
  throw refusal(`${displayName(name)} holds no table of keys`, planNeeded, "see src/compare/plan/shipped for examples");
}

const planNeeded = "a plan with title, data, rows and budget is needed";

const refusal = (given: string, needed: string, advice: string) =>
  new SelfsightError("configuration", `plan: ${given}; ${needed}; ${advice}`);
