package folding

import (
	"strings"
	"unicode"
)

// IsDotGit says whether some file system takes a name, one part of a path, for
// .git or for a way into it. git refuses such names in a tree (CVE-2014-9390,
// core.protectHFS, core.protectNTFS), and this refuses more than git does:
//
//   - Case does not count, nor how Unicode is written (see Name), nor any
//     character that cannot be seen: HFS+ leaves out some of those.
//   - NTFS drops dots and spaces at the end, takes what follows a colon for the
//     name of a stream, and has the short name git~1.
//   - To Windows, a backslash separates parts: any of them may be the one.
func IsDotGit(name string) bool {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return -1
		}
		return unicode.ToLower(r) // the dotted capital I, which Name keeps apart from i
	}, name)
	for part := range strings.SplitSeq(name, `\`) {
		part, _, _ = strings.Cut(part, ":")
		switch strings.TrimRight(Name(part), ". ") {
		case ".git", "git~1":
			return true
		}
	}
	return false
}
