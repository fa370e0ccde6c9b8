package review

import (
	"regexp"
	"strings"
)

// risk is something that a person should look at before it is done.
type risk struct {
	// about goes on after the name of the task, and before the words found.
	about string
	found *regexp.Regexp
	// where it is looked for: in titles alone, in all text, in code too, or also
	// outside of the tasks, as its words cannot mean anything else.
	where int
	// benign are finds that are none.
	benign *regexp.Regexp
}

const (
	inTitle = iota
	inText
	inCode
	anywhere
)

// clauseStart makes a verb an order to whoever does the task: "Delete old rows",
// not "add an endpoint to delete rows".
const clauseStart = `(?:^|[.:;,]\s+|\band (?:then )?|\bthen )[*_]*`

const credential = `(?:api[ -]keys?|private keys?|signing keys?|credentials|(?:access|refresh|api|bearer|deploy|service|bot)[ -]tokens?|client secrets?|secrets? (?:manager|store|key|rotation))`

var risks = []risk{
	{
		about: "deletes without asking", where: anywhere,
		found:  regexp.MustCompile(`(?i)\brm\s+(?:-\w+\s+)*-\w*(?:rf|fr)\w*(?:\s+[^\s` + "`" + `;&|)]+)*`),
		benign: regexp.MustCompile(`(?i)^rm(?:\s+-\w+)+(?:\s+["']?(?:\./)?(?:node_modules|dist|build|out|target|coverage|tmp|temp|\.cache|\.next|\.turbo|\.venv|venv|__pycache__|/tmp/\S+|\S*/(?:node_modules|dist|build|tmp|coverage))/?["']?)+[.,]?$`),
	},
	{
		about: "rewrites published history", where: anywhere,
		found: regexp.MustCompile(`(?i)\bgit\s+push\b[^\n;&|` + "`" + `]*\s(?:--force(?:-with-lease)?|-f)\b|\bforce[- ]push\w*|\bgit\s+filter-(?:branch|repo)\b|\bgit\s+reset\s+--hard\s+origin|\brewrit(?:e|es|ing)\s+(?:the\s+)?(?:\w+\s+)?history\b|\bpurg(?:e|ing) \S+ from (?:the )?(?:git )?history\b`),
	},
	{
		about: "destroys data in a database", where: anywhere,
		found: regexp.MustCompile(`(?i)\b(?:drop\s+(?:the\s+)?(?:\S+\s+)?(?:table|column|database|schema)s?|truncate\s+(?:the\s+)?(?:\S+\s+)?tables?|delete\s+from\s+\w+)\b`),
	},
	{
		about: "deletes data", where: inText,
		found: regexp.MustCompile(`(?i)` + clauseStart + `(?:delete|purge|wipe|erase|remove)\s+(?:(?:all|the|every|any|old|stale|existing|expired|orphaned|legacy|unused|duplicate|customer|user|production|prod|staging)\s+)*(?:data|database|records?|rows?|tables|accounts?|backups?|buckets?|volumes?|users|customers|tenants)\b`),
	},
	{
		about: "migrates a database or its data", where: inText,
		found: regexp.MustCompile(`(?i)\b(?:database|db|schema|data|sql)\s+migrations?\b|\bmigrat(?:e|es|ing)\s+(?:(?:all|the|existing|old|legacy|user|users'|customer|production)\s+)*(?:data|database|db|schema|rows|records|tables?|accounts|users)\b|\bbackfill\w*\b|\balter\s+table\b|\bmigrations?/[\w./-]+`),
	},
	{
		about: "touches authentication or permissions", where: inTitle,
		found: regexp.MustCompile(`(?i)\b(?:auth|authn|authz|authenticat\w+|authori[sz]ation|log-?in|sign-?in|oauth2?|oidc|saml|sso|jwts?|rbac|access control|permissions?|csrf|session (?:cookie|token|handling|management)s?|password\w*|2fa|mfa)\b`),
	},
	{about: "handles credentials", where: inTitle, found: regexp.MustCompile(`(?i)\b` + credential + `\b`)},
	{
		about: "handles credentials", where: inText,
		found: regexp.MustCompile(`(?i)\b(?:rotat|hard-?cod|commit|stor|encrypt|leak|revok|log|print|expos|cop(?:y|i)|mov|sav|generat|replac|delet|remov)\w*\s+(?:(?:the|all|old|new|any|every|its|their)\s+)*(?:` + credential + `|secrets?|passwords?)\b`),
	},
	{
		about: "touches production", where: inText,
		found: regexp.MustCompile(`(?i)\b(?:production|prod)\s+(?:database|db|data|servers?|cluster|traffic)\b|\bdeploy\w*\s+(?:\S+\s+){0,3}to\s+prod(?:uction)?\b|\bin prod(?:uction)? (?:directly|first)\b`),
	},
	{
		about: "switches a safeguard off", where: inCode,
		found: regexp.MustCompile(`(?i)--no-verify\b|\bchmod\s+(?:-R\s+)?777\b|\bcurl\b[^\n|` + "`" + `]*\|\s*(?:sudo\s+)?(?:ba|z)?sh\b|\b(?:disable|skip|bypass|turn off|switch off|comment out)\s+(?:the\s+|all\s+|failing\s+|flaky\s+)*(?:(?:unit|integration|e2e)\s+)?(?:tests?|ci|lint(?:er|ing)?|type ?checks?|certificate (?:checks?|verification|validation)|tls(?: verification)?|ssl(?: verification)?|auth\w*|validation|safety checks?|pre-?commit hooks?|csrf)\b`),
	},
}

// risks names the tasks that need a person's eye.
func (c *checks) risks() {
	for i, it := range c.items {
		last := ""
		for _, r := range risks {
			if found := r.in(it.blocks); found != "" && r.about != last {
				last = r.about
				say(&c.report.RiskFlags, "%s %s: %s.", c.name(i), r.about, quoted(found))
			}
		}
	}
	for _, r := range risks {
		if found := r.in(c.outside); found != "" && r.where == anywhere {
			say(&c.report.RiskFlags, "The plan, outside of its tasks, %s: %s.", r.about, quoted(found))
		}
	}
}

// in is the first place that r is found at and not denied.
func (r risk) in(blocks []block) string {
	for n, b := range blocks {
		if b.code && r.where < inCode || n > 0 && r.where == inTitle {
			continue
		}
		for _, at := range r.found.FindAllStringIndex(b.text, -1) {
			found := strings.Trim(b.text[at[0]:at[1]], " .,;:*_")
			denied := !b.code && negation.MatchString(clauseBefore(b.text[:at[0]]))
			if !denied && (r.benign == nil || !r.benign.MatchString(found)) {
				return found
			}
		}
	}
	return ""
}
