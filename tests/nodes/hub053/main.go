// Command hub053 is a real Cosmos SDK 0.53 chain for Palisade's tests: the SDK's own
// modules on CometBFT 0.38, wired from public packages only.
//
//	hub053 genesis --home DIR …        a chain of N validators, their keys beside it
//	hub053 run     --home DIR …        one process that holds all those keys; misses are ordered over HTTP
//	hub053 start   --home DIR …        an ordinary node of the same chain (the SDK's own command)
//	hub053 tx      MESSAGES.json …     signs and sends whatever messages, by their JSON
//
// and, for a network of ordinary nodes, the SDK's own init, keys and genesis commands (the latter below `network`).
package main

import (
	"fmt"
	"os"

	"cosmossdk.io/depinject"
	"cosmossdk.io/log"
	cmtcfg "github.com/cometbft/cometbft/config"
	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/config"
	"github.com/cosmos/cosmos-sdk/client/keys"
	"github.com/cosmos/cosmos-sdk/server"
	svrcmd "github.com/cosmos/cosmos-sdk/server/cmd"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	genutilcli "github.com/cosmos/cosmos-sdk/x/genutil/client/cli"
)

func main() {
	c := sdk.GetConfig()
	c.SetBech32PrefixForAccount(prefix, prefix+"pub")
	c.SetBech32PrefixForValidator(prefix+"valoper", prefix+"valoperpub")
	c.SetBech32PrefixForConsensusNode(prefix+"valcons", prefix+"valconspub")
	c.Seal()

	var (
		basics module.BasicManager
		cctx   client.Context
	)
	if err := depinject.Inject(depinject.Configs(appConfig(), depinject.Supply(log.NewNopLogger()), depinject.Provide(ProvideClientContext)), &basics, &cctx); err != nil {
		fatal(err)
	}
	root := &cobra.Command{
		Use: "hub053", SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return prepare(cmd, cctx) },
	}
	network := &cobra.Command{Use: "network"}
	network.AddCommand(genutilcli.Commands(cctx.TxConfig, basics, "hub053-home").Commands()...)
	root.AddCommand(genesisCommand(&cctx, basics), runCommand(&cctx), txCommand())
	root.AddCommand(network, genutilcli.InitCmd(basics, "hub053-home"), keys.Commands())
	server.AddCommandsWithStartCmdOptions(root, "hub053-home", newApp, nil, server.StartCmdOptions{})
	if err := svrcmd.Execute(root, "", "hub053-home"); err != nil {
		fatal(err)
	}
}

// prepare reads the home's config files into the command's context, as every SDK daemon does.
func prepare(cmd *cobra.Command, cctx client.Context) error {
	cmd.SetOut(cmd.OutOrStdout())
	cmd.SetErr(cmd.ErrOrStderr())
	x, err := client.ReadPersistentCommandFlags(cctx.WithCmdContext(cmd.Context()), cmd.Flags())
	if err != nil {
		return err
	}
	if x, err = config.ReadFromClientConfig(x); err != nil {
		return err
	}
	if err := client.SetCmdClientContextHandler(x, cmd); err != nil {
		return err
	}
	app := serverconfig.DefaultConfig()
	app.MinGasPrices = "0stake"
	return server.InterceptConfigsPreRunHandler(cmd, serverconfig.DefaultConfigTemplate, app, cmtcfg.DefaultConfig())
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "hub053:", err)
	os.Exit(1)
}
