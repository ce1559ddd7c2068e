/**
 * Work that a bare program does beside the server's: one a line on its standard
 * input, one answer a line, `{ "ms": … }` or `{ "error": … }`. It measures by
 * itself, so that the way to it and back doesn't count.
 */
export type Task =
	/** Starts a command with pipes; until its exit. */
	| { readonly task: "exit"; readonly command: readonly string[] }
	/** Starts a command and reads its output, in pieces that it drops; until its exit. */
	| { readonly task: "read"; readonly command: readonly string[] }
	/** Starts a command `count` times; measures from the first signal to the last exit. */
	| {
			readonly task: "kill";
			readonly command: readonly string[];
			readonly count: number;
	  }
	/** Starts a command `count` times; measures until all are there, then ends them. */
	| {
			readonly task: "start";
			readonly command: readonly string[];
			readonly count: number;
	  }
	/** Runs a command `count` times, `width` at a time, and keeps the output of each as text. */
	| {
			readonly task: "many";
			readonly command: readonly string[];
			readonly count: number;
			readonly width: number;
	  };
