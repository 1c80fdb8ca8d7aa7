export function StudioPage(_: { ids?: string[] }) {
  return null;
}
