export function StartPage(_: { ids?: string[] }) {
  return null;
}
