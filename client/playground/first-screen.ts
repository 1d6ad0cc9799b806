import { fileURLToPath } from "node:url";
import { build, type IndexHtmlTransformContext, type Plugin } from "vite";
import { firstTexts } from "./src/first/texts.js";

const ENTRY = fileURLToPath(new URL("src/first/first.ts", import.meta.url));
const DEVICE = /^assets\/Device-.*\.js$/;

/**
 * Puts the first screen's script, its texts and the style sheet into the page, so that the first screen needs one
 * response. The server allows these parts by their hashes in its Content-Security-Policy.
 */
export function firstScreen(): Plugin {
  return {
    name: "first-screen",
    transformIndexHtml: {
      order: "post",
      handler: async (html, context) => {
        const device = Object.keys(context.bundle ?? {}).find((name) => DEVICE.test(name));
        const texts = JSON.stringify(firstTexts()).replaceAll("<", "\\u003c");
        return {
          html: withStyle(html, context),
          tags: [
            {
              tag: "script",
              attrs: { type: "application/json", id: "first-texts" },
              children: texts,
              injectTo: "body",
            },
            {
              tag: "script",
              attrs: device === undefined ? {} : { "data-device": `/${device}` },
              children: await script(),
              injectTo: "body",
            },
          ],
        };
      },
    },
  };
}

/** `html` with the style sheet in it instead of a link to its file, which is left out. */
function withStyle(html: string, { bundle }: IndexHtmlTransformContext): string {
  const sheet = Object.values(bundle ?? {}).find(({ fileName }) => fileName.endsWith(".css"));
  if (bundle === undefined || sheet?.type !== "asset") return html;
  const link = new RegExp(`<link rel="stylesheet"[^>]*${sheet.fileName}[^>]*>`);
  if (!link.test(html)) throw new Error(`The page has no link to ${sheet.fileName}.`);
  delete bundle[sheet.fileName];
  return html.replace(link, () => `<style>${String(sheet.source).trim()}</style>`);
}

async function script(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: "silent",
    build: {
      write: false,
      target: "es2022",
      lib: { entry: ENTRY, formats: ["iife"], name: "first", fileName: "first" },
    },
  });
  const [output] = [built].flat();
  const chunk = output !== undefined && "output" in output ? output.output[0] : undefined;
  if (chunk?.type !== "chunk") throw new Error("Vite built no script of the first screen.");
  return chunk.code.trim();
}
