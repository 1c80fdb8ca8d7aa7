// V views, n images of this process
import { SelfsightError } from "../../errors.ts";
import type { StepContext } from "../../methods/index.ts";
import {
  capture,
  freeAll,
  type Graph,
  isSupported,
  keep,
  noGrad,
  processGroup,
  type Tensor,
  useOwnStream,
} from "../../torch/index.ts";
import type { Settings } from "../settings/settings.ts";
import { Followed } from "./followed.ts";

/** What a step computes with, apart from the run's own state. */
export interface StepInputs {
  views: readonly Tensor[]; // V x [n, 3, S, S]
  /** Classes [n], where there are labels. */
  labels?: Tensor | undefined;
  /** Those that the online classifier learns from. */
  online?: Tensor | undefined;
}

/** The loss and its parts, each []. */
export type Terms = Record<string, Tensor> & { loss: Tensor };

/** All that a step gives its device, and no more: numbers that are others in the next step come from the context. */
export type StepWork = (inputs: StepInputs, context: StepContext) => Terms;

/** A step as the run takes it. */
export interface StepOfRun {
  phase: string;
  work: StepWork;
  /** What `work` counts beside tensors, where it is not run. */
  count: () => void;
}

/** A step of one form, as it was captured. */
interface Captured {
  graph: Graph;
  inputs: StepInputs;
  terms: Terms;
}

/** Steps with views of one shape, in one phase of the method. */
interface Form {
  followed: Followed;
  /** Steps of it that were run. */
  run: number;
  captured?: Captured;
}

/** Libraries choose their ways and take their memory in a form's first steps. */
const stepsBefore = 3;

/** A run's steps as CUDA graphs: each form is run a few times, captured, and from then on given to the device by one command. */
export class StepGraphs {
  readonly #device: string;
  readonly #part: string | undefined;
  readonly #forms = new Map<string, Form>();
  readonly #leaveStream: () => void;
  /** For steps that are not played back. */
  readonly #loose: Followed;

  /** `part`: the library that captures, default that of set-up. */
  constructor(device: string, part?: string) {
    this.#device = device;
    this.#part = part;
    this.#leaveStream = useOwnStream(device);
    this.#loose = new Followed(device);
  }

  /** The context of a step that is looked at, and so is run as it is: its numbers come from the device too, so that they are the same. */
  loose(context: StepContext): StepContext {
    this.#loose.begin(context);
    return { ...context, following: this.#loose };
  }

  /** Runs a step, or plays it back. `phase`: what its work depends on. Its terms live until the next one. */
  take(inputs: StepInputs, context: StepContext, { phase, work, count }: StepOfRun): Terms {
    const form = this.#formOf(inputs, phase);
    if (form.run < stepsBefore) return run(form, inputs, context, work);
    if (form.captured) count();
    form.captured ??= captured(form, inputs, context, work, this.#part);
    return replay(form.captured, inputs, form.followed, context);
  }

  /** What was captured with settings of before is not played back again. */
  forget(): void {
    for (const { followed, captured } of this.#forms.values()) {
      followed.free();
      if (captured) release(captured);
    }
    this.#forms.clear();
  }

  free(): void {
    this.forget();
    this.#loose.free();
    this.#leaveStream();
  }

  #formOf({ views, labels, online }: StepInputs, phase: string): Form {
    const key = [phase, ...views.map(({ shape }) => shape.join("x")), labels !== undefined, online !== undefined].join(
      " ",
    );
    const form = this.#forms.get(key) ?? { followed: new Followed(this.#device), run: 0 };
    this.#forms.set(key, form);
    return form;
  }
}

function run(form: Form, inputs: StepInputs, context: StepContext, work: StepWork): Terms {
  form.run += 1;
  form.followed.begin(context);
  return work(inputs, { ...context, following: form.followed });
}

function captured(
  { followed }: Form,
  inputs: StepInputs,
  context: StepContext,
  work: StepWork,
  part?: string,
): Captured {
  const held = mapInputs(inputs, (tensor) => keep(noGrad(() => tensor.clone())));
  followed.begin(context);
  try {
    const step = () => keepTerms(work(held, { ...contextOn(context, held), following: followed }));
    const { graph, result } = capture(step, part);
    return { graph, inputs: held, terms: result };
  } catch (error) {
    freeAll(tensorsOf(held));
    throw error;
  }
}

/** The labels that a captured step reads are those that are held for it. */
function contextOn({ labels: _, ...context }: StepContext, { labels }: StepInputs): StepContext {
  return { ...context, ...(labels && { labels }) };
}

function replay(
  { graph, inputs: held, terms }: Captured,
  inputs: StepInputs,
  followed: Followed,
  context: StepContext,
): Terms {
  noGrad(() => {
    for (const [mine, next] of pairsOf(held, inputs)) mine.copy_(next);
  });
  followed.follow(context);
  graph.replay();
  return mapTerms(terms, (term) => noGrad(() => term.clone())); // the next replay writes over them
}

function release({ graph, inputs, terms }: Captured): void {
  graph.free();
  freeAll([...tensorsOf(inputs), ...Object.values(terms)]);
}

const keepTerms = (terms: Terms): Terms => mapTerms(terms, (term) => keep(term.detach()));
const mapTerms = (terms: Terms, of: (term: Tensor) => Tensor): Terms =>
  Object.fromEntries(Object.entries(terms).map(([name, term]) => [name, of(term)])) as Terms;

const mapInputs = ({ views, labels, online }: StepInputs, of: (tensor: Tensor) => Tensor): StepInputs => ({
  views: views.map(of),
  labels: labels && of(labels),
  online: online && of(online),
});
const tensorsOf = ({ views, labels, online }: StepInputs): Tensor[] =>
  [...views, labels, online].filter((tensor) => tensor !== undefined);
const pairsOf = (held: StepInputs, next: StepInputs): [Tensor, Tensor][] => {
  const others = tensorsOf(next);
  return tensorsOf(held).map((tensor, i) => [tensor, others[i]!]);
};

/** Errors: configuration, where steps are to be played back and cannot be. */
export function refuseUncapturable(
  { cudaGraph, microBatch }: Settings,
  device: string,
  processes = processGroup()?.size ?? 1,
): void {
  if (!cudaGraph) return;
  if (device === "cpu") throw refusal("on the processor", "a GPU is needed");
  if (processes > 1) throw refusal(`for ${processes} processes`, "one is needed, as messages cannot be captured");
  if (microBatch !== null) throw refusal(`with microBatch ${microBatch}`, "the whole batch at a time is needed");
  if (!isSupported("_fused_sgd_.tensor_lr")) throw refusal("with this libtorch", "2.3 or newer is needed");
}

const refusal = (given: string, needed: string) =>
  new SelfsightError("configuration", `settings: cudaGraph ${given}; ${needed}; give --set cudaGraph=false`);
