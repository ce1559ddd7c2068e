import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { configJsonSchema } from "../../src/config/schema.ts";
import { type Entry, sha256, tarGz, zip } from "./archive.ts";
import { compile } from "./compile.ts";
import {
	type Asset,
	bundleManifest,
	formula,
	scoop,
	serverJson,
	titleOf,
} from "./manifests.ts";
import { npmPackage } from "./npm.ts";
import { sign } from "./sign.ts";
import { binaryOf, TARGET_NAMES, TARGETS, type TargetName } from "./targets.ts";

const ROOT = join(import.meta.dir, "../..");

/** The file in which a release's sums stand, as `sha256sum --check` reads them. */
const SUMS = "SHA256SUMS";

/**
 * Makes a release in a folder: the program for every target, as archives and as
 * bundles for desktop clients, their sums, and whatever names them. The same
 * commit gives the same bytes, unless a signing key is there.
 *
 * @yields the path of each file when it is written
 */
export async function* release(folder: string): AsyncGenerator<string> {
	await mkdir(folder, { recursive: true });
	const write = async (name: string, data: Uint8Array | string) => {
		const path = join(folder, name);
		await Bun.write(path, data);
		return path;
	};
	const archives: Asset[] = [];
	const bundles: Asset[] = [];
	for (const target of TARGET_NAMES) {
		const extension = binaryOf(target).replace("mcp-process", "");
		const path = join(folder, `mcp-process-${target}${extension}`);
		await compile(path, target);
		if (TARGETS[target].os === "darwin") await sign(path);
		const binary = await Bun.file(path).bytes();
		for (const { data, kind, asset } of await pack(target, binary)) {
			(kind === "archive" ? archives : bundles).push(asset);
			yield write(asset.file, data);
		}
	}
	const sums = [...archives, ...bundles].map(
		({ file, sha256 }) => `${sha256}  ${file}\n`,
	);
	yield write(SUMS, sums.sort().join(""));
	yield write("mcp-process.rb", formula(archives));
	yield write("mcp-process.json", json(scoop(archives)));
	yield write("server.json", json(serverJson(bundles)));
	yield write("mcp-process-config.schema.json", json(configJsonSchema()));
	yield npmPackage(join(folder, "npm"));
}

interface Packed {
	readonly kind: "archive" | "bundle";
	readonly data: Uint8Array;
	readonly asset: Asset;
}

/** A program's archive and, where there are desktop clients, its bundle. */
async function pack(target: TargetName, binary: Uint8Array): Promise<Packed[]> {
	const title = titleOf(target);
	const program = { data: binary, executable: true };
	const documents = await Promise.all(
		["LICENSE", "README.md"].map(async (name) => ({
			name,
			data: await Bun.file(join(ROOT, name)).bytes(),
		})),
	);
	const content: Entry[] = [
		{ name: binaryOf(target), ...program },
		...documents,
	].map((entry) => ({ ...entry, name: `${title}/${entry.name}` }));
	const packed = async (
		kind: Packed["kind"],
		file: string,
		data: Promise<Uint8Array>,
	): Promise<Packed> => ({
		kind,
		data: await data,
		asset: { target, file, sha256: sha256(await data) },
	});
	const archive =
		TARGETS[target].os === "windows"
			? packed("archive", `${title}.zip`, zip(content))
			: packed("archive", `${title}.tar.gz`, tarGz(content));
	if ("libc" in TARGETS[target]) return [await archive];
	const manifest = Buffer.from(json(bundleManifest(target)));
	const bundle = zip([
		{ name: "manifest.json", data: manifest },
		{ name: `server/${binaryOf(target)}`, ...program },
		...documents,
	]);
	return Promise.all([archive, packed("bundle", `${title}.mcpb`, bundle)]);
}

function json(value: object): string {
	return `${JSON.stringify(value, null, 2)}\n`;
}
