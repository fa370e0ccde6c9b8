package review

import (
	"regexp"
	"strings"
)

// line is one line of a plan, as far as Markdown matters here. A Markdown library
// would not do: it numbers lists itself, and the author's numbers are what
// dependencies are written in.
type line struct {
	// text is without indentation, marker and check box.
	text   string
	indent int // columns
	// heading is the level of a heading, 0 for other lines.
	heading int
	bullet  bool
	// number is "3" or "1.2" if the line is a numbered item or heading.
	number string
	box    bool
	code   bool // within a fence, or the fence itself
	blank  bool
	row    *row // of a table that lists tasks
}

var (
	headingLine  = regexp.MustCompile(`^(#{1,6})[ \t]+(.*?)[ \t#]*$`)
	bulletLine   = regexp.MustCompile(`^[-*+•][ \t]+(.*)$`)
	numberedLine = regexp.MustCompile(`^(?:\*\*|__)?\(?(\d{1,3}(?:\.\d{1,3}){0,4})([.)]*)(?:\*\*|__)?[ \t]+(\S.*)$`)
	boxStart     = regexp.MustCompile(`^\[[ xX~-]\][ \t]+(.*)$`)
	fenceLine    = regexp.MustCompile("^(`{3,}|~{3,})[^`]*$")
	// opensTitle tells "1.2 Add the parser" from "1.2 seconds later".
	opensTitle = regexp.MustCompile("^[\\p{Lu}`*_\\[]")
)

// readLines splits a plan. Comments and front matter become blank lines.
func readLines(plan string) []line {
	plan = strings.TrimPrefix(plan, "\ufeff")
	plan = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(plan)
	var lines []line
	fence, comment := "", false
	for text := range strings.SplitSeq(plan, "\n") {
		trimmed := strings.TrimSpace(text)
		l := line{indent: indentOf(text), text: trimmed}
		switch {
		case fence != "":
			l.code = true
			if strings.HasPrefix(trimmed, fence) && strings.Trim(trimmed, fence[:1]) == "" {
				fence, l.text = "", ""
			}
		case comment || strings.HasPrefix(trimmed, "<!--"):
			comment = !strings.Contains(trimmed, "-->")
			l = line{blank: true}
		case trimmed == "":
			l.blank = true
		default:
			if m := fenceLine.FindStringSubmatch(trimmed); m != nil {
				fence, l.code, l.text = m[1], true, ""
				break
			}
			l.read()
		}
		lines = append(lines, l)
	}
	lines = dropFrontMatter(lines)
	readTables(lines)
	return lines
}

// read finds the marker of a line that has text.
func (l *line) read() {
	if m := headingLine.FindStringSubmatch(l.text); m != nil && l.indent < 4 {
		l.heading, l.text = len(m[1]), m[2]
	} else if m := bulletLine.FindStringSubmatch(l.text); m != nil {
		l.bullet, l.text = true, m[1]
	}
	l.readBox()
	if m := numberedLine.FindStringSubmatch(l.text); m != nil {
		dotted := strings.Contains(m[1], ".")
		if m[2] != "" || dotted && opensTitle.MatchString(m[3]) {
			l.number, l.text = m[1], m[3]
			l.readBox()
		}
	}
}

func (l *line) readBox() {
	if m := boxStart.FindStringSubmatch(l.text); m != nil && l.heading == 0 {
		l.box, l.text = true, m[1]
	}
}

// marked says that the line starts something.
func (l *line) marked() bool { return l.heading > 0 || l.bullet || l.number != "" || l.box }

func indentOf(text string) int {
	columns := 0
	for _, r := range text {
		switch r {
		case ' ':
			columns++
		case '\t':
			columns += 4 - columns%4
		default:
			return columns
		}
	}
	return columns
}

// dropFrontMatter blanks what stands between two lines of dashes at the very top.
func dropFrontMatter(lines []line) []line {
	if len(lines) == 0 || lines[0].text != "---" {
		return lines
	}
	for end := 1; end < len(lines); end++ {
		if lines[end].text == "---" {
			for i := range end + 1 {
				lines[i] = line{blank: true}
			}
			break
		}
	}
	return lines
}
