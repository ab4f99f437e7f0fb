package main

// tx: one transaction of whatever messages, so that no module needs its own command here.

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/client/tx"
	sdk "github.com/cosmos/cosmos-sdk/types"
)

func txCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "tx MESSAGES.json", Short: "sign the messages of a JSON array and broadcast them", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cctx, err := client.GetClientTxContext(cmd)
			if err != nil {
				return err
			}
			raw, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			var all []json.RawMessage
			if err := json.Unmarshal(raw, &all); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			msgs := make([]sdk.Msg, len(all))
			for i, one := range all {
				if err := cctx.Codec.UnmarshalInterfaceJSON(one, &msgs[i]); err != nil {
					return fmt.Errorf("%s: %w", one, err)
				}
			}
			return tx.GenerateOrBroadcastTxCLI(cctx, cmd.Flags(), msgs...)
		},
	}
	flags.AddTxFlagsToCmd(cmd)
	return cmd
}
