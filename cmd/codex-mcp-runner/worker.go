package main

import (
	"context"
	"sync"

	"github.com/spf13/cobra"
)

// openWorker is openService for a command that starts containers: meanwhile, what
// processes that were killed left behind goes. The caller calls done at the end.
func openWorker(cmd *cobra.Command, f *rootFlags) (svc *service, done func() error, err error) {
	svc, err = openService(cmd, f)
	if err != nil {
		return nil, nil, err
	}
	ctx, stop := context.WithCancel(cmd.Context())
	var reaper sync.WaitGroup
	reaper.Go(func() {
		svc.reap(ctx)
		svc.recoverHere(ctx, f)
	})
	return svc, func() error {
		stop()
		svc.Stop(errClosed) // they end while the reaper does
		reaper.Wait()
		return svc.Close()
	}, nil
}
