package policies

import (
	"embed"
	"io/fs"
)

//go:embed *.json *.md *.toml
var files embed.FS

// Files are the policy files as they are in the source, byte for byte, for
// whoever wants to attest which ones were in force.
func Files() fs.FS { return files }
