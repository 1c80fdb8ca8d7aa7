/** What is wrong with a file, as the middle part of a sentence about it. */
export class FormatError extends Error {}

/** A file that asks for code to be run. */
export class UnsafeError extends Error {}
