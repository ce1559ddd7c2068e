/** Another MCP server with two of the tools, of which one never works. */
const tools = ["process_start", "process_terminate"].map((name) => ({
	name,
	inputSchema: { type: "object", properties: {} },
}));

const results: Readonly<Record<string, unknown>> = {
	initialize: {
		protocolVersion: "2025-06-18",
		capabilities: { tools: {} },
		serverInfo: { name: "small", version: "1.0.0" },
	},
	ping: {},
	"tools/list": { tools },
	"tools/call": {
		isError: true,
		content: [{ type: "text", text: "out of order" }],
	},
};

for await (const line of console) {
	const { id, method } = JSON.parse(line);
	if (id === undefined) continue;
	console.log(JSON.stringify({ jsonrpc: "2.0", id, result: results[method] }));
}

export {};
