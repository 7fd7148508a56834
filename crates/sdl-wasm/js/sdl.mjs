// The SDL compiler in a browser or in Node: loads the module and speaks its interface.
//
//   import { load } from "./sdl.mjs";
//   const sdl = await load();                       // sdl_wasm.wasm beside this file, or what you name
//   const answer = sdl.compile(text);               // a string, or bytes
//   if (answer.ok) console.log(answer.hash);
//   else for (const it of answer.diagnostics) console.error(`${it.span.start.line}: ${it.message}`);

// Longer files are refused, so no more than one byte beyond is handed over.
const MOST_BYTES = (1 << 20) + 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Loads the compiler.
 * @param {string | URL | Request | Response | BufferSource | WebAssembly.Module} [source]
 */
export async function load(source = new URL("./sdl_wasm.wasm", import.meta.url)) {
  return new Sdl(await instantiate(await source));
}

async function instantiate(source) {
  if (source instanceof WebAssembly.Module) {
    return WebAssembly.instantiate(source, {});
  }
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) {
    return (await WebAssembly.instantiate(source, {})).instance;
  }
  const isNode = typeof process !== "undefined" && process.versions?.node;
  if (isNode && !(source instanceof Response) && !/^https?:/.test(String(source.url ?? source))) {
    const { readFile } = await import("node:fs/promises");
    return instantiate(await readFile(source));
  }
  const response = source instanceof Response ? source : await fetch(source);
  if (!response.ok) {
    throw new Error(`cannot load the SDL compiler: ${response.status} from ${response.url}`);
  }
  return instantiate(await response.arrayBuffer());
}

/** The compiler. Calls do not wait and keep nothing; one instance serves any number of texts. */
export class Sdl {
  #module;

  constructor(instance) {
    this.#module = instance.exports;
  }

  /** Groups, manifest and hash, or why not. */
  compile(source, options) {
    return JSON.parse(this.raw("compile", source, options));
  }

  /** What is wrong or doubtful. */
  check(source, options) {
    return JSON.parse(this.raw("check", source, options));
  }

  /** The text in its one form; comments stay. */
  format(source, options) {
    return JSON.parse(this.raw("format", source, options));
  }

  /** What will be ordered, and what it costs at most. */
  explain(source, options) {
    return JSON.parse(this.raw("explain", source, options));
  }

  /** The JSON Schema of the language. */
  schema() {
    return JSON.parse(this.raw("schema", ""));
  }

  /** The answer of a function as the text that the module gives. */
  raw(name, source, options) {
    this.#write("sdl_input", typeof source === "string" ? encoder.encode(source) : bytes(source));
    if (options !== undefined) {
      this.#write("sdl_options", encoder.encode(JSON.stringify(options)));
    }
    // Lengths and addresses are unsigned; WebAssembly hands them over as signed.
    const length = this.#module[`sdl_${name}`]() >>> 0;
    const start = this.#module.sdl_output() >>> 0;
    return decoder.decode(new Uint8Array(this.#module.memory.buffer, start, length));
  }

  #write(room, text) {
    const part = text.subarray(0, MOST_BYTES);
    const start = this.#module[room](part.length) >>> 0;
    new Uint8Array(this.#module.memory.buffer, start, part.length).set(part);
  }
}

function bytes(source) {
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
}
