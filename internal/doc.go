// Package internal holds the house. Imports go down only; archtest checks it.
//
//	floor  package                                               may import of ours
//	0      task config redact tunnel codex debootstrap           nothing
//	       policies images (at the top level)
//	1      policy workspace sandbox gateway validate journal     floor 0
//	       replay
//	2      runner                                                floor 0
//	3      mcpserver console                                     task
//	4      cmd                                                   all
//
// Three libraries are fenced: only sandbox imports github.com/docker/docker,
// only mcpserver and cmd import github.com/mark3labs/mcp-go, and only workspace
// and debootstrap import os/exec.
package internal
