package redact

import (
	"bytes"
	"cmp"
	"slices"
)

const (
	// before and after a keyword is where a pattern is looked for. The longest of
	// them that has a bound takes some 400 bytes; keys of many lines are found by
	// secrets.json.
	before = 400
	after  = 768
	// workFactor, workFloor and workCeiling bound the bytes that are looked at and
	// that expressions are held against: per byte of the text, at least, at most. One
	// costs up to 200 ns. Code takes 2 to 4 for each; only a text that is made to
	// keeps hundreds of rules busy all over.
	workFactor  = 12
	workFloor   = 1 << 20
	workCeiling = 16 << 20
	// workMatch is what a match costs beside.
	workMatch = 256
	// maxWindow is how much is searched before the work is counted.
	maxWindow = 64 << 10
)

// span is a secret in a text that a pattern has found.
type span struct {
	from, to int
	p        *pattern
}

// workFor is how much may be done for texts of so many bytes together.
func workFor(size int) int { return min(max(workFloor, workFactor*size), workCeiling) }

// scan gives the secrets in text by the patterns, in order and apart from each
// other, and takes what it does off work. It takes no notice of the marks in front
// of the lines of a patch. complete is false if there was not enough.
func (set *patternSet) scan(text []byte, work *int) (spans []span, complete bool) {
	if *work -= len(text); *work < 0 {
		return nil, false
	}
	text = unmarked(text)
	lower := bytes.Clone(text)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' { // bytes.ToLower may change where things are
			lower[i] = c | 0x20
		}
	}
	for i, windows := range set.windows(lower) {
		p := &set.patterns[i]
		for _, w := range windows {
			if *work -= w.to - w.from; *work < 0 {
				return apart(spans), false
			}
			var matches int
			spans, matches = p.scan(spans, text, w)
			*work -= matches * workMatch
		}
	}
	return apart(spans), true
}

// window is a piece of a text.
type window struct{ from, to int }

// windows gives by pattern the pieces that are near its keywords.
func (set *patternSet) windows(lower []byte) [][]window {
	all := make([][]window, len(set.patterns))
	for k, of := range set.keywords {
		var near []window
		for at := 0; ; {
			i := bytes.Index(lower[at:], []byte(k))
			if i < 0 {
				break
			}
			at += i + len(k)
			near = join(near, window{max(0, at-len(k)-before), min(len(lower), at+after)})
		}
		for _, i := range of {
			all[i] = append(all[i], near...)
		}
	}
	for i := range all {
		slices.SortFunc(all[i], func(a, b window) int { return cmp.Compare(a.from, b.from) })
		var joined []window
		for _, w := range all[i] {
			joined = join(joined, w)
		}
		all[i] = joined
	}
	return all
}

// join adds a window to those before it. A large one is not made larger: what
// two that overlap both find is one thing to apart.
func join(all []window, w window) []window {
	if n := len(all); n > 0 && w.from <= all[n-1].to && w.to-all[n-1].from <= maxWindow {
		all[n-1].to = max(all[n-1].to, w.to)
		return all
	}
	return append(all, w)
}

// scan adds the secrets in a window, and says how many matches were looked at.
func (p *pattern) scan(spans []span, text []byte, w window) ([]span, int) {
	piece := text[w.from:w.to]
	matches := p.expr.FindAllSubmatchIndex(piece, -1)
	for _, m := range matches {
		from, to, ok := p.secret(piece, m)
		if !ok {
			continue
		}
		s := span{w.from + from, w.from + to, p}
		if s.to == w.to { // the window may have cut it
			for s.to < len(text) && tokenClass[text[s.to]] {
				s.to++
			}
		}
		spans = append(spans, s)
	}
	return spans, len(matches)
}

// apart joins spans that overlap. The first rule names them; the generic one
// does so only if there is no other.
func apart(spans []span) []span {
	slices.SortStableFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to))
	})
	var all []span
	for _, s := range spans {
		if n := len(all); n > 0 && s.from < all[n-1].to {
			last := &all[n-1]
			last.to = max(last.to, s.to)
			if last.p.generic {
				last.p = s.p
			}
			continue
		}
		all = append(all, s)
	}
	return all
}

// unmarked blanks the marks of a patch, so that a secret of many lines is found
// in it and every offset stays.
func unmarked(text []byte) []byte {
	text = bytes.Clone(text)
	start := true
	for i, c := range text {
		if start && (c == '+' || c == '-') {
			text[i] = ' '
		}
		start = c == '\n'
	}
	return text
}
