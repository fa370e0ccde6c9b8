package review

import (
	"path"
	"regexp"
	"strings"
)

var (
	testWord = regexp.MustCompile(`(?i)\b(?:\w*tests?|testing|tested|testable|\w*specs?|e2e|tdd|qa|coverage|covered|verif\w+|validat(?:e|es|ed|ing|ion) (?:that|with|by)|assert\w*|benchmarks?|fuzz\w*|golden|snapshots?|smoke|regressions?|acceptance|check(?:s|ed|ing)? that|check:|confirm that|make sure|ensure that|done when|expected?|pytest|vitest|jest|cypress|playwright|rspec|lint\w*|tsc|typecheck|type-check|ci)\b|_test\.|\.test\.|\.spec\.|테스트|검증|확인`)
	// wholeRule is a sentence about every task, wherever it stands.
	wholeRule = regexp.MustCompile(`(?i)\b(?:all|each|every)[ \t]+(?:of[ \t]+the[ \t]+)?(?:tasks?|steps?)\b[^.;\n]*|모든[ \t]*작업[^.;\n]*`)
	// testTask is one that is there to test what others do.
	testTask = regexp.MustCompile(`(?i)^[^\pL]*(?:\[\w+\] *)*(?:(?:write|add|create|extend|expand|run|cover|implement|author|build|set ?up|update|execute|perform)\b[^,;.]{0,60}\b(?:\w*tests?|testing|specs?|coverage|suite|qa|benchmarks?)\b|\w*test(?:s|ing)?\b|verif\w+|validat\w+|qa\b|e2e|end-to-end|(?:unit|integration|smoke|manual|regression|acceptance|contract|final)\b|(?:\w+ ){0,4}(?:tests?|testing|qa|verification|validation)[.:]?$)|(?:테스트|검증)(?:를|을)?[ \t]*(?:코드[ \t]*)?(?:추가|작성|실행|수행|보강|구현)?(?:한다|하기|합니다)?[.:]?$`)
	// softTask is one that writes no code that a test could run.
	softTask = regexp.MustCompile(`(?i)^[^\pL]*(?:document|docs?\b|research|investigat|decide|discuss|review|deploy|releas|announce|publish|plan\b|design|analy[sz]|explore|evaluate|gather|schedule|communicat|clean ?up|tag\b|merge|commit|push|monitor|final|read\b|understand|audit|bump|upgrade|install|set ?up|scaffold|initiali[sz]e|create (?:a |the )?(?:branch|project|repo\w*|director\w+|folder|issue|pr\b|pull request)|(?:write|update|add|draft|extend|refresh|polish) (?:\S+ ){0,3}(?:docs?|documentation|readme\S*|changelog\S*|guides?|comments?|adr|copy|icons?|styles?|css))|\b(?:readme|changelog|documentation)\b|문서|조사|검토|배포|릴리스|설치|설계|분석`)
	hardTask = regexp.MustCompile(`(?i)^[^\pL]*(?:add|implement|create|build|write|rewrite|refactor|extend|replace|fix|introduce|convert|port|migrate|support|handle|make|parse|expose|return|cache|move|extract|remove|delete|integrate|connect|wire|validate|encrypt|store|change|update|enable|rename|split|hash|sign|send|generate)\b|(?:추가|구현|수정|변경|삭제|제거|교체|리팩터링|리팩토링|개선|연동|연결|작성|적용)(?:한다|하기|합니다|해요)?[.:]?$`)
	docFile  = regexp.MustCompile(`\.(?:md|mdx|txt|rst|css|scss|less|sass|svg|html|ya?ml|toml|json|jsonc|ini|cfg|conf|lock|env)$|/?\.[a-z]+ignore$|^(?:makefile|dockerfile|jenkinsfile|procfile|codeowners)$`)
)

// tests finds code that nobody tests: no task of a plan mentions a test, or some
// do and others do not, and no task is there to test the rest.
func (c *checks) tests() {
	var code, untested []int
	tested := false
	for _, i := range c.leaves() {
		it := c.items[i]
		if testTask.MatchString(it.title) {
			return // a task of its own, that may well cover all others
		}
		if !c.writesCode(i) {
			tested = tested || testWord.MatchString(it.text())
			continue
		}
		code = append(code, i)
		if it.mentionsTests() {
			tested = true
		} else {
			untested = append(untested, i)
		}
	}
	for _, it := range c.items {
		for _, b := range it.blocks {
			if m := wholeRule.FindString(b.text); m != "" && testWord.MatchString(m) {
				return
			}
		}
	}
	for _, b := range c.outside {
		if testWord.MatchString(b.text) {
			return // a rule or section for the whole plan
		}
	}
	for _, it := range c.items {
		if it.group && it.mentionsTests() {
			return
		}
	}
	switch {
	case len(code) < 2 || len(untested) == 0:
	case !tested:
		say(&c.report.TestGaps, "No task mentions a test or another check, though %s change code.", c.names(code))
	case len(untested) == 1:
		say(&c.report.TestGaps, "%s mentions no test, and no other task tests it.", c.name(untested[0]))
	default:
		say(&c.report.TestGaps, "%s mention no test, and no other task tests them.", c.names(untested))
	}
}

// mentionsTests also looks at code: a command that runs tests is a mention.
func (it *item) mentionsTests() bool {
	for _, b := range it.blocks {
		if testWord.MatchString(b.text) {
			return true
		}
	}
	return false
}

// writesCode says that an item is surely about code.
func (c *checks) writesCode(i int) bool {
	it := c.items[i]
	if softTask.MatchString(it.title) {
		return false
	}
	named := false
	for name := range c.changed[i] {
		if !docFile.MatchString(strings.ToLower(path.Base(name))) {
			return true
		}
		named = true
	}
	return !named && hardTask.MatchString(it.title)
}
