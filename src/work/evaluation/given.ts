type Given<Options> = { [Key in keyof Options]?: Exclude<Options[Key], undefined> };

/** Without the options that were left out. */
export const given = <Options extends object>(options: Options) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<Options>;
