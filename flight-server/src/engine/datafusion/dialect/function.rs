//! Scalar functions written as a table of plain functions.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use super::kind::Kind;

/// A scalar function without state: its name says which it is.
pub(super) struct Function {
    /// The name it is called by.
    pub(super) name: &'static str,
    /// The types its arguments are cast to.
    pub(super) coerce: fn(&[DataType]) -> Result<Vec<DataType>>,
    /// The field it returns for arguments of these fields.
    pub(super) returns: fn(&[FieldRef]) -> Result<FieldRef>,
    /// Computes it.
    pub(super) run: fn(&ScalarFunctionArgs) -> Result<ColumnarValue>,
}

impl Function {
    /// The function as DataFusion registers it.
    pub(super) fn udf(&'static self) -> Arc<ScalarUDF> {
        self.returning(None)
    }

    fn returning(&'static self, kind: Option<Kind>) -> Arc<ScalarUDF> {
        let signature = Signature::new(TypeSignature::UserDefined, Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(Registered { function: self, signature, kind }))
    }
}

/// A call of `function`.
pub(super) fn call(function: &'static Function, args: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(function.udf(), args))
}

/// A call of `function` that is known to return a `kind`.
pub(super) fn call_as(function: &'static Function, args: Vec<Expr>, kind: Kind) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(function.returning(Some(kind)), args))
}

/// What a function is known to return without a look at its arguments.
pub(super) fn known_kind(function: &ScalarUDF) -> Option<&Kind> {
    function.inner().downcast_ref::<Registered>()?.kind.as_ref()
}

/// Takes arguments of any type.
pub(super) fn same(types: &[DataType]) -> Result<Vec<DataType>> {
    Ok(types.to_vec())
}

/// The argument at `index`.
pub(super) fn argument<T>(args: &[T], index: usize) -> Result<&T> {
    match args.get(index) {
        Some(argument) => Ok(argument),
        None => plan_err!("A function got {} arguments, but needs at least {}", args.len(), index + 1),
    }
}

/// A field of type `data_type`, nullable where one of `fields` is.
pub(super) fn returning(data_type: DataType, fields: &[FieldRef]) -> FieldRef {
    Arc::new(Field::new("result", data_type, fields.iter().any(|field| field.is_nullable())))
}

struct Registered {
    function: &'static Function,
    signature: Signature,
    /// What it returns, where the call was made for arguments of known types. It spares a walk through all below it.
    kind: Option<Kind>,
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.function.name)
    }
}

impl PartialEq for Registered {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
    }
}

impl Eq for Registered {}

impl Hash for Registered {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
    }
}

impl ScalarUDFImpl for Registered {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let fields: Vec<_> = types.iter().map(|ty| Arc::new(Field::new("argument", ty.clone(), true))).collect();
        Ok((self.function.returns)(&fields)?.data_type().clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        (self.function.returns)(args.arg_fields)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        (self.function.coerce)(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        (self.function.run)(&args)
    }
}
