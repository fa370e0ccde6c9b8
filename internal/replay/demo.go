package replay

import (
	"embed"
	"io/fs"
)

//go:embed demo/script.json
var demoScript []byte

//go:embed demo/repo
var demoRepo embed.FS

// Demo is the script of the demo. It answers prompts that hold "Fix the bug in
// src/sum.js", "Make greet() trim" or "Document the two functions", with pauses
// that let a person watch, in a repository like DemoRepo.
func Demo() Script {
	s, err := Parse(demoScript)
	if err != nil { // a test holds that it is valid
		return Script{}
	}
	return s
}

// DemoRepo is a small JavaScript library with a bug in it: the files, without git.
func DemoRepo() fs.FS {
	sub, err := fs.Sub(demoRepo, "demo/repo")
	if err != nil { // only for a path that is not valid
		return demoRepo
	}
	return sub
}
