package redact

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"

	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

// pattern is one rule of policies/gitleaks.toml.
//
// Of the file we leave out what the author of a patch could make use of to have
// his secrets overlooked: allowed paths, allowed lines, and (it is not in the
// file) gitleaks:allow. For the same reason a rule for some files is one for
// all. A rule about nothing but a file's name says nothing about a text.
//
// What the paths are mostly for, the hashes in go.sum, is left out by its looks.
type pattern struct {
	name    string
	expr    *regexp.Regexp
	group   int
	entropy float64
	allowed []allowance
	// generic says that any other rule has the better name.
	generic bool
}

// allowance is an allow list.
type allowance struct {
	match bool // the expressions are about the match, not the secret
	exprs []*regexp.Regexp
	// words are the stop words, by their first three letters: there are 1,500.
	words map[string][]string
}

// goSum is a hash of a Go module, which follows names such as oauth2 and api.
const goSum = `h1:[A-Za-z0-9+/]{43}=\s*$`

// patternSet is compiled once: it takes some 30 ms.
type patternSet struct {
	patterns []pattern
	// keywords are in lower case, each with the patterns that have it.
	keywords map[string][]int
}

var patterns = sync.OnceValues(func() (*patternSet, error) {
	file, err := policies.GitleaksRules()
	if err != nil {
		return nil, err
	}
	return compilePatterns(file)
})

func compilePatterns(file *policies.SecretPatterns) (*patternSet, error) {
	set := &patternSet{keywords: map[string][]int{}}
	global, err := allowances([]policies.SecretAllowed{file.Allowlist, {RegexTarget: "match", Regexes: []string{goSum}}})
	if err != nil {
		return nil, err
	}
	for _, r := range file.Rules {
		if r.Regex == "" {
			continue
		}
		p := pattern{name: cleanName(r.ID), group: r.SecretGroup, entropy: r.Entropy, generic: strings.HasPrefix(r.ID, "generic")}
		if p.expr, err = regexp.Compile(r.Regex); err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.ID, err)
		}
		if p.group > p.expr.NumSubexp() || len(r.Keywords) == 0 {
			return nil, fmt.Errorf("rule %s: it has no keywords, or no group %d", r.ID, p.group)
		}
		own, err := allowances(r.Allowlists)
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.ID, err)
		}
		p.allowed = append(own, global...)
		for _, k := range r.Keywords {
			k = strings.ToLower(k)
			set.keywords[k] = append(set.keywords[k], len(set.patterns))
		}
		set.patterns = append(set.patterns, p)
	}
	return set, nil
}

func allowances(lists []policies.SecretAllowed) ([]allowance, error) {
	var all []allowance
	for _, l := range lists {
		if l.RegexTarget == "line" || l.Condition != "" {
			continue // conditions are about paths
		}
		a := allowance{match: l.RegexTarget == "match", words: map[string][]string{}}
		for _, text := range l.Regexes {
			expr, err := regexp.Compile(text)
			if err != nil {
				return nil, fmt.Errorf("allow list: %w", err)
			}
			a.exprs = append(a.exprs, expr)
		}
		for _, w := range l.StopWords {
			if len(w) < 3 {
				return nil, fmt.Errorf("allow list: the stop word %q is too short", w)
			}
			w = strings.ToLower(w)
			a.words[w[:3]] = append(a.words[w[:3]], w)
		}
		all = append(all, a)
	}
	return all, nil
}

// secret gives where in text the secret of a match is; false if it is none.
func (p *pattern) secret(text []byte, m []int) (from, to int, ok bool) {
	from, to = m[0], m[1]
	if p.group > 0 {
		from, to = m[2*p.group], m[2*p.group+1]
	} else {
		for g := 2; g < len(m); g += 2 {
			if m[g] < m[g+1] {
				from, to = m[g], m[g+1]
				break
			}
		}
	}
	if to-from > 2 && text[from] == text[to-1] && (text[from] == '"' || text[from] == '\'') {
		from, to = from+1, to-1 // some rules take the quotes for a part of it
	}
	if from < 0 || from == to {
		return 0, 0, false
	}
	if p.entropy > 0 && entropy(text[from:to]) <= p.entropy {
		return 0, 0, false
	}
	lower := strings.ToLower(string(text[from:to]))
	for _, a := range p.allowed {
		target := text[from:to]
		if a.match {
			target = text[m[0]:m[1]]
		}
		for _, expr := range a.exprs {
			if expr.Match(target) {
				return 0, 0, false
			}
		}
		if a.stops(lower) {
			return 0, 0, false
		}
	}
	return from, to, true
}

// stops says whether a secret, in lower case, has a stop word in it.
func (a *allowance) stops(secret string) bool {
	for i := 0; i+3 <= len(secret) && len(a.words) > 0; i++ {
		for _, w := range a.words[secret[i:i+3]] {
			if strings.HasPrefix(secret[i:], w) {
				return true
			}
		}
	}
	return false
}

// entropy is Shannon's, in bits for each byte.
func entropy(b []byte) float64 {
	var counts [256]int
	for _, c := range b {
		counts[c]++
	}
	sum := 0.0
	for _, n := range counts {
		if n > 0 {
			f := float64(n) / float64(len(b))
			sum -= f * math.Log2(f)
		}
	}
	return sum
}
