package archtest

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// house is what internal/doc.go says.
type house struct {
	floor map[string]int      // package -> its floor
	may   map[string][]string // package -> the packages of ours that it may import; nil: all
	fence map[string][]string // import path, ours from the module's root -> the packages that may import it, or "tests"
}

// readHouse reads the table and the fences out of the package comment in docFile.
func readHouse(docFile string) (*house, error) {
	file, err := parser.ParseFile(token.NewFileSet(), docFile, nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", docFile, err)
	}
	h := &house{floor: map[string]int{}, may: map[string][]string{}, fence: map[string][]string{}}
	if err := h.readTable(file.Doc.Text()); err != nil {
		return nil, fmt.Errorf("read the table of %s: %w", docFile, err)
	}
	h.readFences(file.Doc.Text())
	return h, nil
}

// row is one line of the table with the lines that go on with it.
type row struct {
	packages []string
	may      string
}

// readTable reads rows of three columns, found by their headings: floor,
// packages, what they may import. A line without a floor is on that of the line
// before; if it has no third column either, it goes on with its packages.
func (h *house) readTable(doc string) error {
	var rows []row
	packages, may, floor := -1, -1, -1
	for line := range strings.Lines(doc) {
		line = strings.TrimRight(strings.TrimPrefix(line, "\t"), "\n ")
		if packages < 0 {
			if strings.HasPrefix(line, "floor ") {
				packages, may = strings.Index(line, "package"), strings.Index(line, "may import")
			}
			continue
		}
		if line == "" {
			break
		}
		first, last := column(line, 0, packages), column(line, may, len(line))
		if first != "" {
			if _, err := fmt.Sscanf(first, "%d", &floor); err != nil {
				return fmt.Errorf("%q is no floor", first)
			}
		}
		if last != "" || len(rows) == 0 {
			rows = append(rows, row{may: last})
		}
		for _, name := range strings.Fields(strings.ReplaceAll(column(line, packages, may), "(at the top level)", "")) {
			h.floor[name] = floor
			rows[len(rows)-1].packages = append(rows[len(rows)-1].packages, name)
		}
	}
	if len(h.floor) == 0 {
		return errors.New("no packages in it")
	}
	for _, r := range rows {
		may, err := h.permitted(r.may)
		if err != nil {
			return fmt.Errorf("%s: %w", strings.Join(r.packages, " "), err)
		}
		for _, name := range r.packages {
			h.may[name] = may
		}
	}
	return nil
}

// column is the part of a line between two offsets, either of which may lie beyond its end.
func column(line string, from, to int) string {
	return strings.TrimSpace(line[min(from, len(line)):min(to, len(line))])
}

// permitted reads "nothing", "all", or a list of floors and packages such as
// "floor 0" and "task, floor 0 and codex".
func (h *house) permitted(text string) ([]string, error) {
	words := strings.Fields(strings.NewReplacer(",", " ", " and ", " ").Replace(text))
	may := []string{}
	for i := 0; i < len(words); i++ {
		switch _, isPackage := h.floor[words[i]]; {
		case words[i] == "nothing":
		case words[i] == "all":
			return nil, nil
		case words[i] == "floor" && i+1 < len(words):
			i++
			for name, floor := range h.floor {
				if fmt.Sprint(floor) == words[i] {
					may = append(may, name)
				}
			}
		case isPackage:
			may = append(may, words[i])
		default:
			return nil, fmt.Errorf("%q is neither a floor nor a package", words[i])
		}
	}
	slices.Sort(may)
	return slices.Compact(may), nil
}

// fences are sentences of the form "only a, b and c import some/path", and "only
// tests import some/path".
var fences = regexp.MustCompile(`only ((?:\w+(?:, | and )?)+) imports? ([\w./-]*\w)`)

func (h *house) readFences(doc string) {
	for _, m := range fences.FindAllStringSubmatch(strings.Join(strings.Fields(doc), " "), -1) {
		h.fence[m[2]] = strings.Fields(strings.NewReplacer(",", " ", " and ", " ").Replace(m[1]))
	}
}
