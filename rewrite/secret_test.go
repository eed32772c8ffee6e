package rewrite

import (
	"go/token"
	"go/types"
	"testing"
)

func TestSecretTypes(t *testing.T) {
	text, number := types.Typ[types.String], types.Typ[types.Int]
	structure := types.NewStruct([]*types.Var{types.NewField(token.NoPos, nil, "D", text, false)}, nil)
	named := func(path, name string, underlying types.Type) *types.Named {
		return types.NewNamed(types.NewTypeName(token.NoPos, types.NewPackage(path, "p"), name, nil), underlying, nil)
	}
	invalid := named("m", "InvalidPassword", structure)
	invalid.AddMethod(types.NewFunc(token.NoPos, invalid.Obj().Pkg(), "Error", types.NewSignatureType(
		types.NewVar(token.NoPos, nil, "e", types.NewPointer(invalid)), nil, nil, nil,
		types.NewTuple(types.NewVar(token.NoPos, nil, "", text)), false)))
	for _, c := range []struct {
		t    types.Type
		want bool
	}{
		{named("crypto/ecdsa", "PrivateKey", structure), true},
		{types.NewPointer(named("crypto/ecdsa", "PrivateKey", structure)), true},
		{types.NewPointer(types.NewPointer(named("m", "Secret", structure))), true},
		{named("crypto", "PrivateKey", types.NewInterfaceType(nil, nil)), true},
		{named("crypto/mlkem", "DecapsulationKey768", structure), true},
		{named("net/url", "Userinfo", structure), true},
		{named("m", "Userinfo", structure), false},
		{named("m", "dbPassword", text), true},
		{named("m", "APIKey", text), true},
		{named("m", "api_key", text), true},
		{named("m", "AWSCredentials", structure), true},
		{named("crypto/ecdsa", "PublicKey", structure), false},
		{named("m", "SecretService", structure), false},
		{named("go/token", "Token", number), false},
		{named("m", "Secret", number), false},
		{invalid, false},
		{types.NewPointer(invalid), false},
		{text, false},
	} {
		if got := isSecret(c.t); got != c.want {
			t.Errorf("%s: %v, want %v", c.t, got, c.want)
		}
	}
}
