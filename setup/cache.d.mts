/** The folder for `name` in the user's cache: below XDG_CACHE_HOME, else ~/.cache, else in the temporary folder (said once). */
export function cacheFolder(name: string): string;
