// Loads Compose files as `docker compose config` does; there is no container engine where the tests run.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	for _, file := range os.Args[1:] {
		options, err := cli.NewProjectOptions([]string{file})
		if err == nil {
			var project any
			project, err = options.LoadProject(context.Background())
			_ = project
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
			os.Exit(1)
		}
	}
}
