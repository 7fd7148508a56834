// Answers for a list of files with the module: what `tests/node.rs` compares with the native compiler.
//
// Usage: node answer.mjs MODULE LIST ANSWERS, where LIST is JSON: [{file, name, operations, options}], and
// ANSWERS gets one answer per line, in order.

import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { load } from "../js/sdl.mjs";

const [module, list, answers] = process.argv.slice(2);
const sdl = await load(pathToFileURL(module));
const lines = [];
for (const { file, operations, options } of JSON.parse(readFileSync(list, "utf8"))) {
  const bytes = readFileSync(file);
  for (const operation of operations) {
    lines.push(sdl.raw(operation, bytes, options));
  }
}
lines.push(sdl.raw("schema", ""));

// What the wrapper makes of them.
const text = 'version: "2.0"\nservices:\n  web: {imag: nginx}\n';
const checked = sdl.check(text, { name: "é.yaml" });
if (checked.ok || checked.diagnostics[0].file !== "é.yaml") throw new Error("check says otherwise");
if (sdl.check(text, { naem: "x" }).error === undefined) throw new Error("a wrong option is taken");
if (sdl.format("a:   1").text !== "a: 1\n") throw new Error("format says otherwise");
const again = await load(readFileSync(module));
if (again.raw("check", text) !== sdl.raw("check", text)) throw new Error("instances differ");
const compiled = await WebAssembly.compile(readFileSync(module));
if (WebAssembly.Module.imports(compiled).length !== 0) throw new Error("the module imports something");
if ((await load(compiled)).schema().title !== "SDL") throw new Error("schema says otherwise");

writeFileSync(answers, lines.map((line) => line + "\n").join(""));
