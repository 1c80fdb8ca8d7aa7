// The page: which of its parts is shown stands behind the # of the address, so that back, forward and bookmarks work.
import { signal } from "@preact/signals";
import { render } from "preact";
import { ComparePage } from "./pages/compare.tsx";
import { RunPage } from "./pages/run.tsx";
import { RunsPage } from "./pages/runs.tsx";
import { StartPage } from "./pages/start.tsx";
import { StudioPage } from "./pages/studio.tsx";
import { TheatrePage } from "./pages/theatre.tsx";
import { exported } from "./server/ask.ts";
import { facts, fetchFacts, fetchRuns, runs } from "./server/run-list.ts";
import "./style.css";

const place = signal(location.hash.slice(1));
addEventListener("hashchange", () => {
  place.value = location.hash.slice(1);
  document.querySelector<HTMLElement>("main")?.focus();
});

const links: readonly (readonly [name: string, place: string])[] = [
  ["Runs", "/"],
  ["Collapse theatre", "/theatre"],
  ["Augmentations", "/studio"],
  ["Start a run", "/start"],
];

function Page() {
  const [, page = "", ...rest] = place.value.split("/");
  const isHere = (target: string) => `/${page}` === target;
  const shownLinks = links.filter(
    ([, target]) => target === "/" || (!exported && (target !== "/start" || facts.value?.canAct)),
  );
  return (
    <>
      <header>
        <b>Selfsight</b>
        <nav aria-label="Pages">
          {shownLinks.map(([name, target]) => (
            <a key={target} href={`#${target}`} aria-current={isHere(target) ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
      </header>
      <main tabIndex={-1}>{contentOf(page, rest)}</main>
    </>
  );
}

function contentOf(page: string, rest: string[]) {
  if (page === "run" && rest[0]) return <RunPage key={rest[0]} id={rest[0]} tab={rest[1] ?? ""} />;
  if (page === "compare") return <ComparePage key={rest[0]} ids={(rest[0] ?? "").split(",").filter(Boolean)} />;
  if (page === "theatre") return <TheatrePage />;
  if (page === "studio") return <StudioPage />;
  if (page === "start") return <StartPage />;
  const [only] = runs.value ?? [];
  if (exported && only) return <RunPage key={only.id} id={only.id} tab="" />;
  return <RunsPage />;
}

fetchFacts();
if (exported) void fetchRuns();
render(<Page />, document.getElementById("page")!);
