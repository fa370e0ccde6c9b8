// Package replay is a model API that answers from a script: it speaks as much
// of the Responses API as Codex uses, so that the real Codex runs against it
// in the demo, the tests and the benchmarks, without a key and without a network.
//
// Which step of a script comes next is read from the request alone. So retries
// repeat a step, and any number of sandboxes can share one server.
package replay
