export function ComparePage(_: { ids?: string[] }) {
  return null;
}
