// Types of `sdl.mjs`.

/** A text, or its bytes: UTF-8, or UTF-16 with a byte-order mark. */
export type Source = string | ArrayBuffer | ArrayBufferView;

export interface Options {
  /** What the file is called in reports. */
  name?: string;
  /** Whether to run the lints (default true). */
  lints?: boolean;
  /** Whether to say where stricter tools would refuse the file (default true). */
  schema?: boolean;
  /** A budget like `50 usd/month`. */
  monthlyBudget?: string;
  /** US dollars for one AKT, a decimal. */
  aktPriceUsd?: string;
  /** Codes or families of warnings that are not reported: `sdl::schema::*`. */
  allow?: string[];
  /** Codes or families of warnings that count as errors. */
  deny?: string[];
  /** Average time between blocks, milliseconds; for `explain`. */
  blockTimeMs?: number;
}

export interface Point {
  /** From 1. */
  line: number;
  /** In characters, from 1. */
  column: number;
  /** In bytes of the text, from 0. */
  offset: number;
}

export interface Span {
  start: Point;
  /** Where the character after it stands. */
  end: Point;
}

export interface Diagnostic {
  /** Stable: `sdl::quantity::syntax`. */
  code: string;
  severity: "error" | "warning";
  /** The keys that lead there: `services.web.expose[0].port`. */
  path: string | null;
  file: string;
  span: Span;
  /** What stands there. */
  text: string;
  message: string;
  hint: string | null;
  /** The words of the reference implementation. */
  reference: string | null;
  related: { span: Span; message: string }[];
  fix: { span: Span; replacement: string } | null;
}

export interface Refused {
  ok: false;
  diagnostics: Diagnostic[];
}

/** The options were wrong. */
export interface Misused {
  ok: false;
  error: string;
  diagnostics?: undefined;
}

export interface Compiled {
  ok: true;
  language: "2.0" | "2.1";
  /** SHA-256 of `manifest`, lower-case hexadecimal; goes on chain. */
  hash: string;
  /** Group specs; go on chain. */
  groups: unknown[];
  /** Canonical JSON; goes to the providers, exactly as it is. */
  manifest: string;
  reclamation: { minWindowNs: string } | null;
  /** The most that each group may cost per block. */
  prices: { group: string; denom: string; amount: string }[];
  /** Warnings. */
  diagnostics: Diagnostic[];
}

export interface Checked {
  ok: boolean;
  diagnostics: Diagnostic[];
}

export interface Formatted {
  ok: true;
  text: string;
}

export interface Explained {
  ok: true;
  explanation: unknown;
  /** The explanation for a terminal. */
  text: string;
}

export class Sdl {
  constructor(instance: WebAssembly.Instance);
  compile(source: Source, options?: Options): Compiled | Refused | Misused;
  check(source: Source, options?: Options): Checked | Misused;
  format(source: Source, options?: Options): Formatted | Refused | Misused;
  explain(source: Source, options?: Options): Explained | Refused | Misused;
  schema(): Record<string, unknown>;
  raw(
    name: "compile" | "check" | "format" | "explain" | "schema",
    source: Source,
    options?: Options,
  ): string;
}

/** Loads the compiler; without a source, `sdl_wasm.wasm` beside the file. */
export function load(
  source?: string | URL | Request | Response | BufferSource | WebAssembly.Module,
): Promise<Sdl>;
