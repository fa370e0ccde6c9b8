// Package internal holds the house. Imports go down only; archtest checks it.
//
//	floor  package                                               may import of ours
//	0      task tunnel lifeline nearest unseen folding           nothing
//	       debootstrap policies images golden
//	       codex config redact                                   task, policies, nearest
//	1      policy workspace sandbox gateway validate journal     floor 0
//	       replay attest review live
//	2      runner                                                floor 0
//	3      mcpserver                                             task, nearest, unseen
//	       console report                                        task, unseen
//	4      cmd                                                   all
//
// Four libraries are fenced: only sandbox imports github.com/docker/docker,
// only mcpserver and cmd import github.com/mark3labs/mcp-go, only workspace and
// debootstrap import os/exec, and only tests import
// github.com/testcontainers/testcontainers-go. One package of ours is, too: golden
// serves every floor, but only tests import internal/golden. policies and images
// lie at the top level, where a reviewer looks first.
package internal
