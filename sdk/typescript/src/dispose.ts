/// `await using` looks for Symbol.asyncDispose, which engines before 2024 lack. This module comes before any class that has it.
const symbols = Symbol as unknown as { asyncDispose?: symbol; dispose?: symbol };
symbols.asyncDispose ??= Symbol.for("Symbol.asyncDispose");
symbols.dispose ??= Symbol.for("Symbol.dispose");
export {};
