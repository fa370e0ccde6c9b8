package main

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// How long a tool call waits for its run where the call itself does not say.
const (
	waitSecondsEnv = "CODEX_MCP_WAIT_SECONDS"
	maxWaitSeconds = 3600
)

func (f *rootFlags) addWaitSeconds(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.waitSeconds, "wait-seconds", 0, fmt.Sprintf(
		"answer a tool call after `N` seconds though its run goes on, up to %d; 0 waits to the end (default: $%s, or 0)",
		maxWaitSeconds, waitSecondsEnv))
}

// wait is the patience of a server's tool calls; 0 means to wait to the end. A
// bad flag is a usage error. A bad variable is logged and ignored: a client shows
// nobody why its server did not start.
func (f rootFlags) wait(cmd *cobra.Command, getenv func(string) string, log *slog.Logger) (time.Duration, error) {
	if cmd.Flags().Changed("wait-seconds") {
		if f.waitSeconds < 0 || f.waitSeconds > maxWaitSeconds {
			return 0, usageError{fmt.Errorf("--wait-seconds %d: want 0 to %d", f.waitSeconds, maxWaitSeconds)}
		}
		return time.Duration(f.waitSeconds) * time.Second, nil
	}
	value := getenv(waitSecondsEnv)
	if value == "" {
		return 0, nil
	}
	seconds, err := strconv.Atoi(value)
	if err != nil || seconds < 0 || seconds > maxWaitSeconds {
		log.Warn("a variable is ignored: it is no number of seconds", "name", waitSecondsEnv, "value", value, "max", maxWaitSeconds)
		return 0, nil
	}
	return time.Duration(seconds) * time.Second, nil
}
