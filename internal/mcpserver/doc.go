// Package mcpserver speaks MCP over a pair of streams and hands the calls to a
// Backend. It promises that a cancel is never lost, that a cancelled call gets
// no answer, that progress comes in order and never after the answer, that no
// call waits for another, that a run goes on if only its call's time is up and
// ends if its call is cancelled or the client goes away, and that every result
// fits what a client will show.
//
// mcp-go decodes and answers; the loop that feeds it is our own (conn.go).
package mcpserver
