import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { maskArguments, maskText } from "../../src/security/mask.ts";

const SECRET = "hunter2hunter2";

describe("maskText", () => {
	it.each([
		`--password=${SECRET}`,
		`--db-password=${SECRET}`,
		`--authToken=${SECRET}`,
		`PGPASSWORD=${SECRET}`,
		`AWS_SECRET_ACCESS_KEY=${SECRET}`,
		`env GITHUB_TOKEN='${SECRET}' node`,
		`api_key: ${SECRET}`,
		`{"password": "${SECRET}"}`,
		`{"password":"${SECRET}","x":1}`,
		`X-Api-Key: ${SECRET}`,
		`Authorization: Bearer ${SECRET}`,
		`Authorization: Basic ${SECRET}==`,
		`authorization: token ${SECRET}`,
		`Cookie: ${SECRET}`,
		`https://user:${SECRET}@example.org/`,
		`postgres://u:${SECRET}@db:5432/x?sslmode=on`,
		`https://example.org/?a=1&access_token=${SECRET}&b=2`,
		`bearer ${SECRET}`,
		`SECRET_KEY=${SECRET}`,
		`SECRET_KEY_BASE=${SECRET}`,
		`--encryption-key=${SECRET}`,
		`Authorization: ApiKey ${SECRET}`,
		`Authorization: Digest username="u", cnonce='n', response="${SECRET}"`,
		`curl -H "Authorization: Digest response=\\"${SECRET}\\"" x`,
		`{"Authorization": "Digest username=\\"u\\", response=\\"${SECRET}\\""}`,
		`Cookie: a=1; b=${SECRET}`,
		`curl -H 'Cookie: a=1; b=${SECRET}' x`,
		`https://${SECRET}@example.org/x.git`,
		`git+https://${SECRET}@example.org/x.git`,
		`https://user:p@${SECRET}@example.org/`,
		`curl -u bob:${SECRET} x`,
		`curl -sSu bob:${SECRET} x`,
		`--proxy-user=bob:${SECRET}`,
		`mysql --password ${SECRET} x`,
		`mysql --password "a ${SECRET}" x`,
		`mysql --password --${SECRET}`,
	])("masks %s", (text) => {
		const masked = maskText(text);
		expect(masked).not.toContain(SECRET);
		expect(masked).toContain("***");
	});

	it.each([
		`ghp_${"a1B2".repeat(9)}`,
		`github_pat_${"a1B2".repeat(9)}`,
		`glpat-${"a1B2".repeat(5)}`,
		`sk-proj-${"a1B2".repeat(9)}`,
		`sk_live_${"a1B2".repeat(5)}`,
		`AKIA${"A1B2".repeat(4)}`,
		`xoxb-1234567890-${"a1B2".repeat(5)}`,
		`AIza${"a1B2".repeat(9)}`,
		`npm_${"a1B2".repeat(9)}`,
		`eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.${"a1B2".repeat(9)}`,
		"-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
	])("masks %j by its form", (token) => {
		expect(maskText(`x ${token}`)).toBe("x ***");
		expect(maskText(`"${token}"`)).not.toContain(token.slice(-12, -1));
	});

	it.each([
		"npm run build -- --watch",
		"--author=me",
		"--passthrough=1",
		"https://example.org:8080/path",
		"git log --format=%H",
		"tokenize words",
		"sk-short",
		"ssh://git@example.org/x.git",
		"https://example.org/@scope/x?by=a@example.org",
		"https://example.org?by=a@example.org",
		"docker run --user=1000:1000 x",
		"docker run -u 1000:1000 x",
		"python -u C:\\app\\main.py",
		"sqlmap -u http://localhost:80/",
		"psql --no-password --host x",
		"tool --auth --verbose",
		"--key-file=x --secret-key-file x",
	])("leaves %s", (text) => {
		expect(maskText(text)).toBe(text);
	});

	it("keeps what stands around a secret", () => {
		expect(maskText(`curl --password=${SECRET} https://example.org/?q=1`)).toBe(
			"curl --password=*** https://example.org/?q=1",
		);
	});

	it("keeps what follows a header in quotes", () => {
		expect(
			maskText(
				`curl -H "Authorization: Bearer ${SECRET}" --password=${SECRET} x`,
			),
		).toBe('curl -H "Authorization: ***" --password=*** x');
	});

	// An agent chooses the text: one that takes seconds would hold the whole server up.
	it.each([
		["dashes", "-"],
		["a repeated word", "-auth"],
		["a repeated token's start", "eyJaaaaaaaa-"],
		["dots", "a."],
		["braces", "{"],
		["a scheme", "a+"],
		["a web address", "http://a"],
		["a header", "cookie: "],
		["a header in quotes", '"cookie: \\'],
		["an option with a user", "-u "],
		["an option with a user and a sign", "-u=a"],
		["a password's option", "--password "],
		["an assignment in quotes", 'auth="\\'],
	])("takes time near to linear to the text: %s", (_, unit) => {
		const time = (bytes: number) => {
			const text = unit.repeat(bytes / unit.length);
			const start = performance.now();
			maskText(text);
			return performance.now() - start;
		};
		time(1024);
		const times = Array.from({ length: 5 }, () => time(32_768));
		// About a millisecond when linear, hundreds of them, each time, when quadratic.
		// One alone may be long because other programs had the processor meanwhile.
		expect(Math.min(...times)).toBeLessThan(100);
	});
});

describe("maskArguments", () => {
	it("masks the value after an option that names a secret", () => {
		expect(
			maskArguments([
				"--password",
				SECRET,
				"-token",
				SECRET,
				"--db_password",
				"x",
				"ok",
			]),
		).toEqual([
			"--password",
			"***",
			"-token",
			"***",
			"--db_password",
			"***",
			"ok",
		]);
	});

	it("masks a password that begins with dashes", () => {
		expect(maskArguments(["--password", `--${SECRET}`])[1]).toBe("***");
	});

	it("masks the password of a user, and no other value of such an option", () => {
		expect(maskArguments(["-u", `bob:${SECRET} x`])[1]).toBe("bob:***");
		expect(maskArguments(["--user", `bob:${SECRET}`])[1]).toBe("bob:***");
		for (const value of ["script.py", "1000:1000", "http://x:80/", "C:\\a.py"])
			expect(maskArguments(["-u", value])).toEqual(["-u", value]);
	});

	it("masks no option, and nothing after an option that has its value", () => {
		const args = [
			"--token",
			"--verbose",
			"--password=",
			"word",
			"token",
			"word",
			"--no-password",
			"word",
			"--key-file",
			"word",
		];
		expect(maskArguments(args).filter((arg) => arg === "***")).toEqual([]);
	});

	// A name that is a secret's before `=` is one before a space too.
	it.each([
		"--password",
		"--auth-token",
		"--authToken",
		"--accessToken",
		"--dbpassword",
		"--PGPASSWORD",
		"--client_secret",
		"--api-key",
		"--secret-key",
		"--encryption-key",
	])("knows %s in both forms", (option) => {
		expect(maskArguments([`${option}=${SECRET}`])[0]).not.toContain(SECRET);
		expect(maskArguments([option, SECRET])[1]).toBe("***");
	});

	it("keeps the number of arguments, and what holds no secret", () => {
		fc.assert(
			fc.property(fc.array(fc.string()), (args) => {
				expect(maskArguments(args)).toHaveLength(args.length);
			}),
		);
		const plain = ["run", "build", "--watch", "./src", "-n", "5"];
		expect(maskArguments(plain)).toEqual(plain);
	});
});
