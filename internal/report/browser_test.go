//go:build integration

package report

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is one tab of a real Chromium, and what it did that it should not.
type browser struct {
	t    testing.TB
	ctx  context.Context // chromedp keeps the tab in it
	mu   sync.Mutex
	seen []string
}

func newBrowser(t testing.TB) *browser {
	t.Helper()
	var bin string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			bin = path
			break
		}
	}
	if bin == "" {
		t.Fatal("there is no chromium or google-chrome in PATH: apt-get install -y --no-install-recommends chromium fonts-dejavu-core")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(bin), chromedp.UserDataDir(t.TempDir()),
		// Whatever the page asks for, it does not leave the machine: this proxy is nobody.
		chromedp.ProxyServer("127.0.0.1:9"))
	if os.Getuid() == 0 {
		opts = append(opts, chromedp.NoSandbox) // root cannot use Chromium's sandbox
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	b.do(chromedp.Navigate("about:blank"))
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatal(err)
	}
	for _, enable := range []cdp.Command[cdp.Empty, cdp.Empty]{runtime.Enable, cdplog.Enable} {
		call(b, enable, cdp.Empty{})
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, page.Enable, page.EnableParams{})
	return b
}

// note keeps every request, message, error and dialog.
func (b *browser) note(ev any) {
	var what string
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		what = "request " + ev.Request.URL
	case *network.EventWebSocketCreated:
		what = "websocket " + ev.URL
	case *cdplog.EventEntryAdded:
		what = "log " + ev.Entry.Text
	case *runtime.EventConsoleAPICalled:
		what = "console " + fmt.Sprint(ev.Type)
	case *runtime.EventExceptionThrown:
		what = "exception " + ev.ExceptionDetails.Text
	case *page.EventJavascriptDialogOpening:
		what = "dialog " + ev.Message
		go func() { // an answer cannot be waited for in here
			_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
		}()
	case *page.EventWindowOpen:
		what = "window " + ev.URL
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, what)
}

// open shows a page from a file, in a window of that width, and returns all that
// happened beside the request for the file itself.
func (b *browser) open(html []byte, width int64, scheme string) []string {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "report.html")
	if err := os.WriteFile(file, html, 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.size(width, scheme)
	b.mu.Lock()
	b.seen = nil
	b.mu.Unlock()
	address := (&url.URL{Scheme: "file", Path: file}).String()
	b.do(chromedp.Navigate(address))
	eval[bool](b, `new Promise(done => requestAnimationFrame(() => setTimeout(() => done(true), 100)))`, chromedp.EvalAwaitPromise)
	b.mu.Lock()
	defer b.mu.Unlock()
	own := "request " + address
	if !slices.Contains(b.seen, own) {
		b.t.Errorf("the file itself was not asked for; the browser did %q", b.seen)
	}
	return slices.DeleteFunc(slices.Clone(b.seen), func(s string) bool { return s == own })
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// shot keeps a picture of the page with the test's artifacts (go test -artifacts).
func (b *browser) shot(name string, whole bool) {
	b.t.Helper()
	action := chromedp.CaptureScreenshot()
	if whole {
		action = chromedp.FullScreenshot(100)
	}
	png, err := chromedp.Run(b.ctx, action)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func eval[T any](b *browser, js string, opts ...chromedp.EvaluateOption) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js, opts...))
	if err != nil {
		b.t.Fatalf("%s: %v", strings.Fields(js)[0], err)
	}
	return v
}

func call[P, R any](b *browser, cmd cdp.Command[P, R], params P) R {
	b.t.Helper()
	v, err := chromedp.Call(b.ctx, cmd, params)
	if err != nil {
		b.t.Fatalf("%s: %v", cmd.Method, err)
	}
	return v
}
