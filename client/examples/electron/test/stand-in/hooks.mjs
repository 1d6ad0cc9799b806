// Module hooks: `electron` is the stand-in.
const standIn = new URL("electron.mjs", import.meta.url).href;

export async function resolve(specifier, context, next) {
  return specifier === "electron" ? { url: standIn, shortCircuit: true } : await next(specifier, context);
}
