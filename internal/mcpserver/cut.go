package mcpserver

import (
	"fmt"
	"unicode/utf8"
)

// caps are what the parts of a result may measure, in bytes each. Links is a
// number of links.
type caps struct{ text, list, path, patchPath, links int }

// shortList is the cap of lists below which a result keeps but the essential.
const shortList = 300

// floors are the steps in which a result that is too long gives way: one part
// after the other goes down to its floor until the rest fits, and the last part
// to move keeps as much as it can. Texts first, since files hold the whole of
// them; the way to those files last.
var floors = []func(*caps) (*int, int){
	func(c *caps) (*int, int) { return &c.text, 400 },
	func(c *caps) (*int, int) { return &c.list, shortList },
	func(c *caps) (*int, int) { return &c.links, 0 },
	func(c *caps) (*int, int) { return &c.text, 0 },
	func(c *caps) (*int, int) { return &c.list, 0 },
	func(c *caps) (*int, int) { return &c.path, 0 },
	func(c *caps) (*int, int) { return &c.patchPath, 0 },
}

// fit finds the largest caps with which a result fits. The same cap holds for
// all texts of all tasks, so the longest give way first and short ones stay
// whole.
func fit(limit int, fits func(caps) bool) caps {
	c := caps{text: limit, list: limit, path: limit, patchPath: limit, links: limit}
	if fits(c) {
		return c
	}
	for _, floor := range floors {
		part, low := floor(&c)
		high := *part
		if *part = low; !fits(c) {
			continue
		}
		for high-low > 1 {
			middle := (low + high) / 2
			if *part = middle; fits(c) {
				low = middle
			} else {
				high = middle
			}
		}
		*part = low
		break
	}
	return c
}

// itemCost is what an item of a list weighs beside its texts.
const itemCost = 20

// cutList keeps the head of list that fits, the last item's texts cut. It does
// not change list itself.
func cutList[T any](list []T, limit int, texts ...func(*T) *string) ([]T, bool) {
	kept := make([]T, 0, min(len(list), 16))
	cut := false
	for _, item := range list {
		if limit -= itemCost; limit < 0 {
			return kept, true
		}
		for _, text := range texts {
			s := text(&item)
			whole := len(*s)
			*s = clip(*s, limit)
			cut = cut || len(*s) != whole
			limit -= len(*s)
		}
		kept = append(kept, item)
	}
	return kept, cut
}

// itself is the text of an item that is nothing else.
func itself(s *string) *string { return s }

// clip keeps the head of a valid UTF-8 string, at most limit bytes of it with
// a mark that says how much there was.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	mark := fmt.Sprintf("\n[cut here; %d bytes in all]", len(s))
	if limit < 4*len(mark) {
		mark = "…"
	}
	if limit < len(mark) {
		return ""
	}
	n := limit - len(mark)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}
