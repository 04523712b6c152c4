// Bundles src/ into dist/, which the program carries (src/http/asset.h). dist/ is kept in the repository, so that building
// kad needs no npm; CI builds it again elsewhere and compares.
import { build } from "esbuild";
import { copyFile } from "node:fs/promises";

const outdir = process.argv[2] ?? "dist";

await build({
    entryPoints: ["src/app.js", "src/app.css"],
    bundle: true,
    minify: true,
    target: ["es2020"],
    outdir,
    legalComments: "inline",
    logLevel: "warning",
});
for (const name of ["index.html", "icon.svg"]) await copyFile(`src/${name}`, `${outdir}/${name}`);
