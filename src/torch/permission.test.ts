import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { afterEach, expect, it, vi } from "vitest";
import { refuseUnreadable } from "./addon.ts";

afterEach(() => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
});

/** For everybody else than root, a closed folder hides all that lies below it. */
function close(folder: string): void {
  vi.spyOn(fs, "accessSync").mockImplementation((path) => {
    const isHidden = String(path) === folder || String(path).startsWith(`${folder}/`);
    if (isHidden) throw Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
  });
  syncBuiltinESMExports();
}

it("names the outermost folder that is closed", () => {
  close("/home/other");
  expect(() => refuseUnreadable("/home/other/libtorch/lib/libtorch_cpu.so")).toThrow(
    /^engine: no permission to read \/home\/other, where \/home\/other\/libtorch\/lib\/libtorch_cpu\.so is; .*SELFSIGHT_LIBTORCH/,
  );
});

it("names the file where it alone is closed", () => {
  close("/opt/lib/libtorch_cpu.so");
  expect(() => refuseUnreadable("/opt/lib/libtorch_cpu.so")).toThrow(
    /no permission to read \/opt\/lib\/libtorch_cpu\.so;/,
  );
});

it("has nothing to say of what may be read, and of what is missing", () => {
  refuseUnreadable(process.execPath);
  refuseUnreadable("/no/such/file");
});
