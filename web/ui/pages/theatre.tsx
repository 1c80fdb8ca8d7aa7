export function TheatrePage(_: { ids?: string[] }) {
  return null;
}
