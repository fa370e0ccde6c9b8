package review

import (
	"regexp"
	"slices"
	"strings"
)

// row is a line of a table that lists tasks.
type row struct {
	word, id, title string
	// fields are the other cells as lines, such as "Files: src/a.ts"; needs is
	// that of the column that says what comes before.
	fields []string
	needs  string
	// sure: the table has such a column, so it can only be one of tasks.
	sure bool
}

var (
	tableRule  = regexp.MustCompile(`^\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?$|^\|[ \t]*:?-+:?[ \t]*\|$`)
	idHead     = regexp.MustCompile(`^(?i:#|no\.?|nr\.?|id|number|num\.?|(?:task|step|item)[ _]?(?:#|no\.?|nr\.?|id|number)|번호|순번|순서|작업 ?(?:번호|ID))$`)
	taskHead   = regexp.MustCompile(`^(?i:tasks?|steps?|phases?|work(?: ?items?| packages?)?|to-?dos?|actions?|changes?|작업|할 ?일|태스크|단계)$`)
	titleHead  = regexp.MustCompile(`^(?i:titles?|names?|what|descriptions?|summary|details?|(?:task|step|work) (?:name|title|description)|내용|설명|제목|이름|작업 ?(?:내용|명|이름|설명))$`)
	needsHead  = regexp.MustCompile(`(?i)\bdepend|\bdeps\b|^blocked|^prereq|^requires|^after\b|^waits|^needs|^predecessor|의존|선행|^전제`)
	filesHead  = regexp.MustCompile(`(?i)^(?:(?:changed |affected |touched )?(?:files?|paths?)(?: (?:changed|affected|touched))?|changes in|(?:변경 |수정 |대상 )?파일)$`)
	idCell     = regexp.MustCompile(`^(?:(?i:(task|step|phase|milestone|stage|sprint|wave))[ \t]*#?[ \t]*|(?:작업|태스크|단계)[ \t]*|#)?((?:[A-Z]{1,8}-?)?\d{1,4}(?:\.\d{1,3}){0,4}[a-z]?)\.?(?:번|단계)?$`)
	emphasis   = strings.NewReplacer("**", "", "__", "", "`", "", "<br>", " ", "<br/>", " ")
	emptyCells = []string{"", "-", "–", "—", "/", "n/a", "nothing", "없음"}
)

// readTables marks the rows of tables whose columns show that they list tasks. It
// looks at each line a few times at most.
func readTables(lines []line) {
	for i := 1; i < len(lines); i++ {
		if lines[i].code || !tableRule.MatchString(lines[i].text) || !isRow(lines[i-1]) {
			continue
		}
		end := i + 1
		for end < len(lines) && isRow(lines[end]) {
			end++
		}
		readTable(cellsOf(lines[i-1].text), lines[i+1:end])
		i = end - 1
	}
}

func isRow(l line) bool {
	return !l.code && !l.blank && l.heading == 0 && strings.Contains(l.text, "|")
}

func cellsOf(text string) []string {
	const bar = "\x00" // no cell has one: "\|" is a bar within a cell
	text = strings.ReplaceAll(text, `\|`, bar)
	text = strings.TrimSuffix(strings.TrimPrefix(text, "|"), "|")
	cells := strings.Split(text, "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], bar, "|"))
	}
	return cells
}

// columns are the places of what matters in a table, -1 for none.
type columns struct{ id, title, needs int }

func readTable(head []string, lines []line) {
	const widest = 20
	if len(lines) < 2 || len(lines) > maxItems || len(head) < 2 || len(head) > widest {
		return
	}
	rows := make([][]string, len(lines))
	for i, l := range lines {
		if rows[i] = cellsOf(l.text); len(rows[i]) > 2*widest {
			return
		}
	}
	for i := range head {
		head[i] = plain(emphasis.Replace(head[i]))
	}
	at, listed := findColumns(head, rows)
	if at.id < 0 || at.needs < 0 && !listed {
		return
	}
	for i, cells := range rows {
		m := idCell.FindStringSubmatch(plain(emphasis.Replace(cell(cells, at.id))))
		if m == nil {
			continue // a row that groups others, or sums them up
		}
		r := &row{word: m[1], id: m[2], title: plain(cell(cells, at.title)), sure: at.needs >= 0}
		if taskHead.MatchString(head[at.id]) && r.word == "" && strings.EqualFold(strings.TrimSuffix(head[at.id], "s"), "step") {
			r.word = "step"
		}
		if at.needs >= 0 {
			r.needs = cell(cells, at.needs)
			if slices.Contains(emptyCells, strings.ToLower(emphasis.Replace(r.needs))) {
				r.needs = "none"
			}
		}
		for c := range head {
			text := cell(cells, c)
			switch {
			case c == at.id || c == at.title || c == at.needs || text == "":
			case filesHead.MatchString(head[c]):
				r.fields = append(r.fields, "Files: "+text)
			default:
				r.fields = append(r.fields, head[c]+": "+text)
			}
		}
		lines[i].row = r
	}
}

func cell(cells []string, at int) string {
	if at < 0 || at >= len(cells) {
		return ""
	}
	return cells[at]
}

// findColumns goes by the heads, and by what the cells of the first column look
// like. listed says that the heads speak of tasks.
func findColumns(head []string, rows [][]string) (at columns, listed bool) {
	at = columns{-1, -1, -1}
	ids := func(c int) bool {
		n := 0
		for _, cells := range rows {
			if idCell.MatchString(plain(emphasis.Replace(cell(cells, c)))) {
				n++
			}
		}
		return n >= 2 && 3*n >= 2*len(rows)
	}
	for c, name := range head {
		switch {
		case at.id < 0 && c <= 1 && (idHead.MatchString(name) || taskHead.MatchString(name) || name == "" && c == 0) && ids(c):
			at.id = c
			listed = listed || taskHead.MatchString(name)
		case at.needs < 0 && needsHead.MatchString(name):
			at.needs = c
		case at.title < 0 && (taskHead.MatchString(name) || titleHead.MatchString(name)):
			at.title = c
			listed = listed || taskHead.MatchString(name)
		}
	}
	for c, name := range head {
		if at.title < 0 && c > at.id && c != at.needs && !filesHead.MatchString(name) && at.id >= 0 && at.needs >= 0 && !aboutTask.MatchString(name) {
			at.title = c
		}
	}
	return at, listed && at.title >= 0
}

// aboutTask is the head of a column that is no title of a task.
var aboutTask = regexp.MustCompile(`(?i)\b(?:phase|owner|who|assignee|estimates?|effort|size|status|state|priority|risks?|notes?|comments?|tests?|verification|parallel|blocks|enables|unblocks|reason|why|time|days?|points|agent)\b|담당|우선|상태|비고|예상`)

// statement is what the row says about a task that stands elsewhere.
func (r *row) statement() (string, bool) {
	if !r.sure {
		return "", false
	}
	return r.label() + " depends on: " + r.needs, true
}

func (r *row) candidates() []candidate {
	if r.title == "" {
		return nil
	}
	c := candidate{form: formRow, id: r.id, title: r.title, sure: r.sure}
	if r.word != "" {
		c.word = capitalised(r.word)
	}
	return []candidate{c}
}

func (r *row) label() string {
	switch {
	case r.word != "":
		return capitalised(r.word) + " " + r.id
	case r.id[0] <= '9':
		return "Task " + r.id
	default:
		return r.id
	}
}

// blocks are the other cells of a row that is a task.
func (r *row) blocks() []block {
	var all []block
	if r.needs != "" {
		all = append(all, block{text: "Depends on: " + r.needs})
	}
	for _, f := range r.fields {
		all = append(all, block{text: f})
	}
	return all
}
