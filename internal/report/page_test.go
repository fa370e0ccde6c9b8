//go:build integration

package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// size sets the window's width and the colours that the reader prefers.
func (b *browser) size(width int64, scheme string) {
	b.t.Helper()
	height := int64(900)
	if width < 600 {
		height = 800
	}
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600,
	})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

func render(t testing.TB, r Run) []byte {
	t.Helper()
	html, err := HTML(r)
	if err != nil {
		t.Fatal(err)
	}
	return html
}

func TestThePageInARealBrowser(t *testing.T) {
	b := newBrowser(t)
	html := render(t, sample(t))
	for _, width := range []int64{360, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(fmt.Sprintf("%d-%s", width, scheme), func(t *testing.T) {
				b.t = t
				if did := b.open(html, width, scheme); len(did) > 0 {
					t.Errorf("the browser did %q", did)
				}
				b.shot(fmt.Sprintf("%d-%s-top", width, scheme), false)
				b.shot(fmt.Sprintf("%d-%s", width, scheme), true)
				b.nothingSticksOut()
				b.fold(false)
				b.shot(fmt.Sprintf("%d-%s-unfolded", width, scheme), true)
				b.nothingSticksOut()
				b.contrasts()
			})
		}
	}
	b.t = t
	if light, night := b.ground(html, "light"), b.ground(html, "dark"); light == night {
		t.Errorf("the ground is %s in both schemes", light)
	}
}

// fold folds or unfolds all that can be, and waits until that is drawn.
func (b *browser) fold(closed bool) {
	b.t.Helper()
	eval[int](b, fmt.Sprintf(`new Promise(done => {
		document.querySelectorAll("details").forEach(d => d.open = %t);
		requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(document.body.offsetHeight), 50)));
	})`, !closed), chromedp.EvalAwaitPromise)
}

// ground is the colour of the page.
func (b *browser) ground(html []byte, scheme string) string {
	b.t.Helper()
	b.open(html, 1280, scheme)
	return eval[string](b, `getComputedStyle(document.body).backgroundColor`)
}

// nothingSticksOut: a page that must be pushed sideways cannot be read on a phone.
func (b *browser) nothingSticksOut() {
	b.t.Helper()
	out := eval[[]string](b, `(() => {
		const wide = document.documentElement.clientWidth;
		const bad = [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > wide + 1 && !e.closest(".wide, pre, svg"));
		const all = document.scrollingElement.scrollWidth > wide ? ["the page"] : [];
		return all.concat(bad.map(e => e.tagName + "." + (e.className.baseVal ?? e.className) + " " + e.textContent.slice(0, 40)));
	})()`)
	if len(out) > 0 {
		b.t.Errorf("wider than the window: %q", out[:min(len(out), 10)])
	}
}

// contrasts measures every text as it is drawn, against the nearest ground behind it.
func (b *browser) contrasts() {
	b.t.Helper()
	weak := eval[[]string](b, `(() => {
		const rgb = c => c.match(/[\d.]+/g).map(Number);
		const lum = c => [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => { const v = c[i] / 255; return sum + w * (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); }, 0);
		const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
		const weak = new Set();
		let n = 0;
		for (const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); walk.nextNode();) {
			const e = walk.currentNode.parentElement;
			if (!walk.currentNode.data.trim() || !e.getClientRects().length) continue;
			const svg = e.closest("svg");
			const a = lum(rgb(svg ? getComputedStyle(e).fill : getComputedStyle(e).color)), g = lum(ground(svg ?? e));
			n++;
			const ratio = (Math.max(a, g) + 0.05) / (Math.min(a, g) + 0.05);
			if (ratio < 4.5) weak.add(ratio.toFixed(2) + " " + e.tagName + "." + (e.className.baseVal ?? e.className) + " " + walk.currentNode.data.trim().slice(0, 30));
		}
		return n < 100 ? ["only " + n + " texts were found"] : [...weak];
	})()`)
	if len(weak) > 0 {
		b.t.Errorf("weak contrast: %q", weak[:min(len(weak), 10)])
	}
}

func TestEverythingFoldedOpensByKeyboard(t *testing.T) {
	b := newBrowser(t)
	b.open(render(t, sample(t)), 1280, "light")
	b.fold(true)
	all := eval[int](b, `document.querySelectorAll("details").length`)
	// Down the page with the tab key, as someone without a mouse goes: what was
	// opened brings more to open.
	for range 400 {
		b.do(chromedp.KeyEvent(kb.Tab))
		at := eval[string](b, `document.activeElement.tagName`)
		if at == "BODY" {
			break
		}
		if at == "SUMMARY" {
			if outline := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`); outline == "none" {
				t.Error("where the focus is cannot be seen")
			}
			b.do(chromedp.KeyEvent(kb.Enter))
		}
	}
	if open := eval[int](b, `document.querySelectorAll("details[open]").length`); open != all || all < 20 {
		t.Errorf("%d of %d can be opened by keyboard", open, all)
	}
}

func TestThePageHasLandmarksAndAnOutline(t *testing.T) {
	b := newBrowser(t)
	b.open(render(t, sample(t)), 1280, "light")
	if wrong := eval[[]string](b, `(() => {
		const wrong = [];
		for (const one of ["main", "h1", "body > header", "body > footer"]) if (document.querySelectorAll(one).length != 1) wrong.push("not one " + one);
		let last = 0;
		for (const h of document.querySelectorAll("h1, h2, h3, h4")) {
			const level = Number(h.tagName[1]);
			if (level > last + 1) wrong.push("no level between " + last + " and " + h.tagName + " " + h.textContent);
			last = level;
		}
		for (const e of document.querySelectorAll("[aria-labelledby]")) if (!document.getElementById(e.getAttribute("aria-labelledby"))) wrong.push("no label " + e.getAttribute("aria-labelledby"));
		for (const e of document.querySelectorAll("a[href^='#']")) if (!document.querySelector(e.getAttribute("href"))) wrong.push("no target " + e.getAttribute("href"));
		for (const e of document.querySelectorAll("[role=img]")) if (!e.getAttribute("aria-label")) wrong.push("a picture without words");
		return wrong;
	})()`); len(wrong) > 0 {
		t.Errorf("%q", wrong)
	}
}

// On paper nothing can be unfolded.
func TestThePagePrints(t *testing.T) {
	b := newBrowser(t)
	b.open(render(t, sample(t)), 1280, "dark")
	hidden := `[...document.querySelectorAll("details:not(.file) > :not(summary)")].filter(e => !e.closest(".file") && !e.checkVisibility({contentVisibilityAuto: true})).length`
	if n := eval[int](b, hidden); n == 0 {
		t.Error("nothing is folded on the screen: this test proves nothing")
	}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	if n := eval[int](b, hidden); n > 0 {
		t.Errorf("%d parts stay folded in print", n)
	}
	if ground := eval[string](b, `getComputedStyle(document.body).backgroundColor`); ground != "rgb(255, 255, 255)" {
		t.Errorf("the paper is %s", ground)
	}
	b.contrasts()
	b.shot("print", true)
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(pdf, []byte("%PDF-")) || len(pdf) < 20_000 {
		t.Errorf("the print has %d bytes", len(pdf))
	}
}

func TestAHostileReportDoesNothing(t *testing.T) {
	b := newBrowser(t)
	for i, s := range attacks {
		html := render(t, hostile(s, "html"))
		if did := b.open(html, 360, "light"); len(did) > 0 {
			t.Errorf("attack %d (%.40q): the browser did %q", i, s, did)
		}
		b.fold(false)
		b.nothingSticksOut()
		if eval[bool](b, `"pwned" in window`) {
			t.Errorf("attack %d (%.40q): a script ran", i, s)
		}
		if page := eval[string](b, `location.protocol`); page != "file:" {
			t.Errorf("attack %d (%.40q): the browser went to %s", i, s, page)
		}
	}
}

// The tests above would pass with a browser that nobody watches.
func TestAPageThatMisbehavesIsSeen(t *testing.T) {
	b := newBrowser(t)
	page := func(csp, bad string) []byte {
		return []byte(`<!DOCTYPE html><html><head>` + csp + `</head><body>` + bad + `</body></html>`)
	}
	csp := `<meta http-equiv="Content-Security-Policy" content="` + policy + `">`
	for bad, want := range map[string]string{
		`<script>alert(1)</script>`:                   "dialog 1",
		`<script>console.log(1)</script>`:             "console log",
		`<script>throw 1</script>`:                    "exception Uncaught",
		`<img src="http://127.0.0.1:9/x">`:            "request http://127.0.0.1:9/x",
		`<iframe src="http://127.0.0.1:9/"></iframe>`: "request http://127.0.0.1:9/",
	} {
		if did := b.open(page("", bad), 360, "light"); !slices.Contains(did, want) {
			t.Errorf("%s: the browser did %q", bad, did)
		}
		// And the policy of our pages holds where the escaping would not.
		did := b.open(page(csp, bad), 360, "light")
		// (A request is noted before the policy stops it.)
		if slices.Contains(did, want) && !strings.HasPrefix(want, "request") {
			t.Errorf("%s under our policy: the browser did %q", bad, did)
		}
		if !slices.ContainsFunc(did, func(s string) bool { return strings.Contains(s, "Content Security Policy") }) {
			t.Errorf("%s under our policy: nobody complained: %q", bad, did)
		}
	}
}
