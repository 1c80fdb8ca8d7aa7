/** How a program is told what nobody must act on, where it did not say how. */
export const warnThroughNode = (message: string): void => process.emitWarning(message, "SelfsightWarning");
