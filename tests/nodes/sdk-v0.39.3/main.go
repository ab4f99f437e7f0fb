// Command sdk039 is a real Cosmos SDK 0.39 node for Palisade's tests: the SDK's own example application on Tendermint
// 0.33, amino throughout, with the commands that make a network, send transactions and serve the LCD.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/client/keys"
	"github.com/cosmos/cosmos-sdk/client/lcd"
	"github.com/cosmos/cosmos-sdk/codec"
	"github.com/cosmos/cosmos-sdk/server"
	"github.com/cosmos/cosmos-sdk/simapp"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/x/auth"
	authrest "github.com/cosmos/cosmos-sdk/x/auth/client/rest"
	"github.com/cosmos/cosmos-sdk/x/genutil"
	genutilcli "github.com/cosmos/cosmos-sdk/x/genutil/client/cli"
	"github.com/cosmos/cosmos-sdk/x/staking"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	abci "github.com/tendermint/tendermint/abci/types"
	"github.com/tendermint/tendermint/libs/cli"
	"github.com/tendermint/tendermint/libs/log"
	tmtypes "github.com/tendermint/tendermint/types"
	dbm "github.com/tendermint/tm-db"
)

// prefix is Akash's, as in hub053.
const prefix = "akash"

func main() {
	config := sdk.GetConfig()
	config.SetBech32PrefixForAccount(prefix, prefix+"pub")
	config.SetBech32PrefixForValidator(prefix+"valoper", prefix+"valoperpub")
	config.SetBech32PrefixForConsensusNode(prefix+"valcons", prefix+"valconspub")
	config.Seal()

	const home = "sdk039-home"
	cdc, ctx, accounts := simapp.MakeCodec(), server.NewDefaultContext(), auth.GenesisAccountIterator{}
	root := &cobra.Command{Use: "sdk039", PersistentPreRunE: server.PersistentPreRunEFn(ctx)}
	root.AddCommand(
		genutilcli.InitCmd(ctx, cdc, simapp.ModuleBasics, home),
		genutilcli.GenTxCmd(ctx, cdc, simapp.ModuleBasics, staking.AppModuleBasic{}, accounts, home, home),
		genutilcli.CollectGenTxsCmd(ctx, cdc, accounts, home),
		addGenesisAccount(ctx, cdc), keys.Commands(),
		lcd.ServeCommand(cdc, func(rs *lcd.RestServer) {
			client.RegisterRoutes(rs.CliCtx, rs.Mux)
			authrest.RegisterTxRoutes(rs.CliCtx, rs.Mux)
			simapp.ModuleBasics.RegisterRESTRoutes(rs.CliCtx, rs.Mux)
		}),
	)
	// After keys.Commands, which binds viper's keyring-backend to a flag that is not there.
	tx := &cobra.Command{Use: "tx"}
	tx.PersistentFlags().String(flags.FlagChainID, "", "chain id")
	simapp.ModuleBasics.AddTxCommands(tx, cdc)
	root.AddCommand(tx)
	server.AddCommands(ctx, cdc, root, newApp, export)
	// cli.PrepareMainCmd would add an --output whose short form is that of init's --overwrite.
	viper.SetDefault(cli.OutputFlag, "text")
	if err := cli.PrepareBaseCmd(root, "SDK039", home).Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "sdk039:", err)
		os.Exit(1)
	}
}

func newApp(logger log.Logger, db dbm.DB, trace io.Writer) abci.Application {
	pruning, err := server.GetPruningOptionsFromFlags()
	if err != nil {
		panic(err)
	}
	return simapp.NewSimApp(logger, db, trace, true, nil, 0, baseapp.SetPruning(pruning))
}

func export(logger log.Logger, db dbm.DB, trace io.Writer, _ int64, zero bool, jailed []string) (json.RawMessage, []tmtypes.GenesisValidator, error) {
	return simapp.NewSimApp(logger, db, trace, true, nil, 0).ExportAppStateAndValidators(zero, jailed)
}

// addGenesisAccount is not among the SDK's own commands in this line: every chain had its copy.
func addGenesisAccount(ctx *server.Context, cdc *codec.Codec) *cobra.Command {
	return &cobra.Command{
		Use: "add-genesis-account ADDRESS COINS", Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			file := ctx.Config.SetRoot(viper.GetString(cli.HomeFlag)).GenesisFile()
			address, err := sdk.AccAddressFromBech32(args[0])
			if err != nil {
				return err
			}
			coins, err := sdk.ParseCoins(args[1])
			if err != nil {
				return err
			}
			account := auth.NewBaseAccountWithAddress(address)
			if err := account.SetCoins(coins); err != nil {
				return err
			}
			state, doc, err := genutil.GenesisStateFromGenFile(cdc, file)
			if err != nil {
				return err
			}
			known := auth.GetGenesisStateFromAppState(cdc, state)
			known.Accounts = auth.SanitizeGenesisAccounts(append(known.Accounts, &account))
			state[auth.ModuleName] = cdc.MustMarshalJSON(known)
			if doc.AppState, err = cdc.MarshalJSON(state); err != nil {
				return err
			}
			return genutil.ExportGenesisFile(doc, file)
		},
	}
}
