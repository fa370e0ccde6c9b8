package review

import (
	"regexp"
	"strings"
)

// Korean says of tasks what English does, but behind their names: "1번 작업이 끝난
// 뒤" is "after task 1". So its text is put into the English that the rest of this
// package reads, for reading only; nobody is shown it.

const (
	koWord  = `(?:작업|태스크|과제|할 ?일|항목|티켓)`
	koTask  = `(?:(?:task|step|phase) \d{1,3}(?:\.\d{1,3}){0,3}|\b[A-Z]{1,8}-?\d{1,4}\b)`
	koTasks = koTask + `(?:(?:[ \t]*[,·/&][ \t]*|[ \t]*-[ \t]*)` + koTask + `)*`
	// koDone is how a task ends, with what may stand around it.
	koDone = `(?:[이가을를은는의도]|에서)?[ \t]*(?:모두|전부|둘 다|먼저|반드시)?[ \t]*(?:완료|종료|끝|마치|마친|마무리|머지|병합|구현|배포|성공)?(?:까지)?(?:되|된|하|한|난|낸|나|내|을|를|를 한|이|가|[ \t])*`
)

var (
	hangul = regexp.MustCompile(`\p{Hangul}`)

	koLabelled = regexp.MustCompile(koWord + `[ \t]*#?(\d{1,3}(?:\.\d{1,3}){0,3})번?`)
	koCounted  = regexp.MustCompile(`(\d{1,3}(?:\.\d{1,3}){0,3})[ \t]*번(?:째)?(?:[ \t]*` + koWord + `)?`)
	koPhase    = regexp.MustCompile(`(\d{1,3})[ \t]*단계|단계[ \t]*(\d{1,3})`)
	// koMore are further numbers of a list: "작업 1, 2" and "1, 2번".
	koMore  = regexp.MustCompile(`(` + koTask + `)[ \t]*(?:[,·/&]|과|와|및|하고|랑|그리고)[ \t]*(?:(task|step|phase) )?(\d{1,3})\b`)
	koFirst = regexp.MustCompile(`(^|[ \t(:])(\d{1,3})[ \t]*(?:[,·/&]|과|와)[ \t]*(` + koTask + `)`)
	koRange = regexp.MustCompile(koWord + `[ \t]*(\d{1,3})[ \t]*[~∼〜-][ \t]*(\d{1,3})번?|(\d{1,3})번?[ \t]*[~∼〜-][ \t]*(\d{1,3})번(?:[ \t]*` + koWord + `)?`)
	koJoin  = regexp.MustCompile(`(` + koTask + `)[ \t]*(?:과|와|및|하고|랑|그리고)[ \t]*(` + koTask + `)`)

	koBefore     = regexp.MustCompile(`(` + koTasks + `)(?:보다[ \t]*(?:먼저|앞서|우선)|[이가을를]?[ \t]*(?:시작|착수|진행|실행)?(?:하|되)?(?:기)?[ \t]*(?:이전|전)에|의[ \t]*선행)`)
	koAfter      = regexp.MustCompile(`(` + koTasks + `)` + koDone + `(?:이후|후|뒤|다음|나서|나면|되면|하면|끝나야|끝나면|완료되면|완료되어야|완료돼야|이어서)`)
	koMust       = regexp.MustCompile(`(` + koTasks + `)(?:[이가을를은는]|에)?[ \t]*(?:먼저[ \t]*)?(?:완료되어야|완료돼야|끝나야|끝내야|선행되어야|선행돼야|선행|의존|종속|필요|기반)`)
	koParallel   = regexp.MustCompile(`(` + koTasks + `)(과|와|랑|하고)[ \t]*(?:함께[ \t]*)?(?:병렬|동시)`)
	koTogether   = regexp.MustCompile(`(` + koTasks + `)[은는이가도을를]?[ \t]*(?:서로|모두|둘 다)?[ \t]*(?:병렬|동시)(?:로|에)?`)
	koAlone      = regexp.MustCompile(`병렬(?:로|[ \t]*(?:실행|작업|처리|진행))?[ \t]*(?:실행|진행|가능)|[\[(]병렬[^\])]{0,10}[\])]`)
	koOrder      = regexp.MustCompile(`순서대로|순차적으로|차례로|차례대로|하나씩`)
	koPrevious   = regexp.MustCompile(`(?:이전|앞선?|직전|바로 앞)[ \t]*(?:작업|단계|태스크)(?:이|가|을|를|의|에)?[ \t]*(?:모두[ \t]*)?(?:완료|끝|마|의존|이후|후|뒤|다음)`)
	koEverything = regexp.MustCompile(`(?:모든|나머지|다른 모든|앞의 모든)[ \t]*(?:작업|단계|태스크)(?:이|가|을|를)?[ \t]*(?:모두[ \t]*)?(?:완료|끝|마)(?:되|된|한|난|친|나)?[ \t]*(?:이후|후|뒤|다음)`)
	koHeader     = regexp.MustCompile(`(?:의존(?:성|[ \t]*관계|[ \t]*작업)?|선행(?:[ \t]*(?:작업|조건|단계|태스크))?|전제(?:[ \t]*조건)?)[*_]*[ \t]*[:：=][*_]*`)
	koNone       = regexp.MustCompile(`(depends on:[ \t*_]*)(?:없음|없다|해당[ \t]*없음)`)
	koNoNeed     = regexp.MustCompile(`의존(?:성|[ \t]*관계|하는[ \t]*작업)?[이가은는도]?[ \t]*(?:없|하지[ \t]*않)|독립적`)
	koTopic      = regexp.MustCompile(`(` + koTask + `)[은는이가][ \t]+`)
	// koNot follows what it denies.
	koNot    = regexp.MustCompile(`^[^.!?;\n]{0,12}?(?:지[ \t]*(?:않|말|마|못)|안[ \t]*(?:된|됨|돼)|없|금지|불가|아니|아님)`)
	koClause = regexp.MustCompile(`[.!?;\n]`)
)

// koChain bounds the tasks that one list of numbers becomes.
const koChain = 12

// maxKorean bounds the text of one plan that is put into English, in bytes: it
// costs more than all other reading.
const maxKorean = 128 << 10

func (p *plan) english(text string) string {
	if !hangul.MatchString(text) {
		return text
	}
	if p.translated += len(text); p.translated > maxKorean {
		return text
	}
	return english(text, p.phased)
}

// english puts Korean text about tasks into English.
// The word for a phase also means a step, in plans that have no phases.
func english(text string, phased bool) string {
	word := "step"
	if phased {
		word = "phase"
	}
	text = koRange.ReplaceAllString(text, "task $1$3-task $2$4")
	text = koLabelled.ReplaceAllString(text, "task $1")
	text = koCounted.ReplaceAllString(text, "task $1")
	text = koPhase.ReplaceAllString(text, word+" $1$2")
	text = strings.ReplaceAll(koFirst.ReplaceAllString(text, "${1}task $2, $3"), "task task ", "task ")
	for range koChain {
		longer := koMore.ReplaceAllStringFunc(text, func(s string) string {
			m := koMore.FindStringSubmatch(s)
			word := m[2]
			if word == "" {
				word, _, _ = strings.Cut(m[1], " ")
			}
			return m[1] + ", " + word + " " + m[3]
		})
		if longer == text {
			break
		}
		text = longer
	}
	text = koJoin.ReplaceAllString(koJoin.ReplaceAllString(text, "$1, $2"), "$1, $2")
	text = said(text, koParallel, " in parallel with $1 ", " not together with $1 ")
	text = said(text, koTogether, " $1 in parallel ", " $1 not in parallel ")
	text = said(text, koAlone, " in parallel ", " not in parallel ")
	text = said(text, koBefore, " before $1 ", " after $1 ")
	text = said(text, koMust, " depends on $1. ", " does not depend on $1. ")
	text = said(text, koAfter, " after $1, ", " after $1, ")
	text = said(text, koPrevious, " depends on the previous task. ", " does not depend on others. ")
	text = koEverything.ReplaceAllString(text, " after all tasks, ")
	text = said(text, koNoNeed, " no dependencies ", " no dependencies ")
	text = koHeader.ReplaceAllString(text, " Depends on: ")
	text = koNone.ReplaceAllString(strings.ReplaceAll(text, "Depends on:", "depends on:"), "${1}none")
	text = koOrder.ReplaceAllString(text, " in order ")
	return koTopic.ReplaceAllString(text, "$1 ")
}

// said replaces what is matched, by denied where it is denied.
func said(text string, what *regexp.Regexp, by, denied string) string {
	var b strings.Builder
	from := 0
	for _, m := range what.FindAllStringSubmatchIndex(text, -1) {
		with := by
		if koNot.MatchString(text[m[1]:]) {
			with = denied
		}
		b.WriteString(text[from:m[0]])
		b.Write(what.ExpandString(nil, with, text, m))
		from = m[1]
	}
	return b.String() + text[from:]
}

var (
	koChanging = regexp.MustCompile(`수정|변경|추가|생성|작성|구현|삭제|제거|리팩터|리팩토|고치|고친|만들|만든|옮기|옮긴|이동|교체|바꾸|바꾼|갱신|업데이트|분리|등록|적용|넣|개선|정리|확장`)
	koReading  = regexp.MustCompile(`참고|참조|읽|보고|본다|실행|확인|테스트|사용|호출|따라|따른|기반|처럼|같은|같이|검토|분석|이해|import|없이|제외|위한|대한`)
	koDenied   = regexp.MustCompile(`^(?:하|되)?[ \t]*(?:지[ \t]*(?:않|말|마)|금지|없이|안[ \t]*함)`)
)

// changesAfter says that a path is an object of change by what follows it in its
// clause: in Korean the verb does.
func changesAfter(rest string) bool {
	rest = strings.ReplaceAll(pathWord.ReplaceAllString(rest[:min(len(rest), window)], "-"), "`", "-")
	if end := koClause.FindStringIndex(rest); end != nil {
		rest = rest[:end[0]]
	}
	change := koChanging.FindStringIndex(rest)
	if change == nil || koDenied.MatchString(rest[change[1]:]) {
		return false
	}
	read := koReading.FindStringIndex(rest)
	return read == nil || read[0] > change[0]
}
