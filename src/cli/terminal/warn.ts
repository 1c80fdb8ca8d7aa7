/** A line that nobody must act on. */
export const warn = (message: string): void => console.error(`warning: ${message}`);
