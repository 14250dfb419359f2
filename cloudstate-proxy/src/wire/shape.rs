//! A message type compiled into tables, and the check of encoded bytes against it.

use std::collections::HashMap;
use std::sync::Arc;

use prost_reflect::{ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use super::error::{WireError, WireFault};
use super::reader::{Reader, Tag, WireType};

/// Everything that the wire format shows of one message type and of all types inside it.
///
/// Cloning shares the tables.
#[derive(Debug, Clone)]
pub struct MessageShape {
    /// The table of the message itself comes first.
    tables: Arc<[Table]>,
}

/// The fields of one message type.
#[derive(Debug, Default)]
struct Table {
    /// In ascending order of their numbers.
    fields: Vec<Field>,
    /// Position in `fields` by number, plus one; 0 for a number without a field. At most [`DIRECT`] entries.
    direct: Vec<u8>,
    /// A map entry is part of its map field and so no level of nesting of its own.
    is_map_entry: bool,
}

/// Field numbers below this are looked up by index, the others by search.
const DIRECT: u32 = 64;

#[derive(Debug)]
struct Field {
    number: u32,
    name: Box<str>,
    form: Form,
    /// Several values may stand in one length-delimited field.
    packable: bool,
}

/// What a value looks like on the wire.
#[derive(Debug, Clone, Copy)]
enum Form {
    Varint,
    Fixed32,
    Fixed64,
    Text,
    Bytes,
    /// A message, described by the table at this index.
    Message(u32),
    /// A group, described by the table at this index.
    Group(u32),
}

impl MessageShape {
    /// Compiles the message type and every type reachable from it. Types may contain themselves.
    pub fn new(message: &MessageDescriptor) -> Self {
        let mut compiler = Compiler::default();
        compiler.table(message);
        while let Some((index, message)) = compiler.pending.pop() {
            let table = compiler.compile(&message);
            compiler.tables[index] = table;
        }
        Self {
            tables: compiler.tables.into(),
        }
    }

    /// Checks that the bytes encode this message.
    ///
    /// That is: every tag is one, every declared field has a wire type that fits it (repeated scalars may be packed or
    /// not, whatever the declaration prefers), every length lies within its message, every `string` at every depth
    /// is UTF-8, groups are closed, and nothing nests deeper than [`WireFault::DEPTH_LIMIT`]. Fields that the
    /// descriptor does not know are passed over.
    ///
    /// # Errors
    ///
    /// The first fault found, with the path of its field and its offset.
    pub fn validate(&self, bytes: &[u8]) -> Result<(), WireError> {
        self.message(0, Reader::new(bytes), WireFault::DEPTH_LIMIT)
    }

    /// Checks a message up to the end of its reader; `depth` more levels may lie inside it.
    fn message(&self, table: u32, mut reader: Reader<'_>, depth: u32) -> Result<(), WireError> {
        let table = &self.tables[table as usize];
        while !reader.is_empty() {
            let tag = reader.tag()?;
            self.value(table, tag, &mut reader, depth)?;
        }
        Ok(())
    }

    fn value(
        &self,
        table: &Table,
        tag: Tag,
        reader: &mut Reader<'_>,
        depth: u32,
    ) -> Result<(), WireError> {
        match table.field(tag.number) {
            Some(field) => self
                .field(field, tag, reader, depth)
                .map_err(|error| error.within(&field.name)),
            None => reader.skip(tag, depth),
        }
    }

    fn field(
        &self,
        field: &Field,
        tag: Tag,
        reader: &mut Reader<'_>,
        depth: u32,
    ) -> Result<(), WireError> {
        let expected = field.form.wire_type();
        if tag.wire_type != expected {
            return if field.packable && tag.wire_type == WireType::Delimited {
                packed(field.form, reader.nested()?)
            } else {
                Err(WireError::new(
                    WireFault::WireType {
                        found: tag.wire_type as u8,
                        expected: expected as u8,
                    },
                    tag.offset,
                ))
            };
        }
        match field.form {
            Form::Varint | Form::Fixed32 | Form::Fixed64 => scalar(field.form, reader),
            Form::Bytes => reader.delimited().map(drop),
            Form::Text => {
                let text = reader.delimited()?;
                match std::str::from_utf8(text) {
                    Ok(_) => Ok(()),
                    Err(_) => {
                        let start = reader.offset() - text.len();
                        Err(WireError::new(WireFault::NotUtf8, start))
                    }
                }
            }
            Form::Message(inner) if self.tables[inner as usize].is_map_entry => {
                self.message(inner, reader.nested()?, depth)
            }
            Form::Message(inner) => {
                let depth = deeper(depth, tag)?;
                self.message(inner, reader.nested()?, depth)
            }
            Form::Group(inner) => {
                let depth = deeper(depth, tag)?;
                self.group(inner, tag, reader, depth)
            }
        }
    }

    /// Checks a group up to its end tag.
    fn group(
        &self,
        table: u32,
        start: Tag,
        reader: &mut Reader<'_>,
        depth: u32,
    ) -> Result<(), WireError> {
        let table = &self.tables[table as usize];
        loop {
            let tag = reader.tag()?;
            if tag.wire_type != WireType::EndGroup {
                self.value(table, tag, reader, depth)?;
            } else if tag.number == start.number {
                return Ok(());
            } else {
                return Err(WireError::new(WireFault::GroupEnd, tag.offset));
            }
        }
    }
}

impl Table {
    #[inline]
    fn field(&self, number: u32) -> Option<&Field> {
        if let Some(&position) = self.direct.get(number as usize) {
            return position
                .checked_sub(1)
                .map(|index| &self.fields[usize::from(index)]);
        }
        let index = self
            .fields
            .binary_search_by_key(&number, |field| field.number)
            .ok()?;
        Some(&self.fields[index])
    }
}

impl Form {
    fn wire_type(self) -> WireType {
        match self {
            Form::Varint => WireType::Varint,
            Form::Fixed32 => WireType::Fixed32,
            Form::Fixed64 => WireType::Fixed64,
            Form::Text | Form::Bytes | Form::Message(_) => WireType::Delimited,
            Form::Group(_) => WireType::StartGroup,
        }
    }

    fn is_scalar(self) -> bool {
        matches!(self, Form::Varint | Form::Fixed32 | Form::Fixed64)
    }
}

/// Hands out table indexes and remembers which tables are still to be filled: types may be recursive.
#[derive(Default)]
struct Compiler {
    tables: Vec<Table>,
    /// By full name.
    indexes: HashMap<String, u32>,
    pending: Vec<(usize, MessageDescriptor)>,
}

impl Compiler {
    fn table(&mut self, message: &MessageDescriptor) -> u32 {
        if let Some(&index) = self.indexes.get(message.full_name()) {
            return index;
        }
        let position = self.tables.len();
        // A descriptor set of 4 GiB of message types cannot be loaded, so the index always fits.
        let index = u32::try_from(position).unwrap_or(u32::MAX);
        self.tables.push(Table::default());
        self.indexes.insert(message.full_name().to_owned(), index);
        self.pending.push((position, message.clone()));
        index
    }

    fn compile(&mut self, message: &MessageDescriptor) -> Table {
        let mut fields: Vec<Field> = message.fields().map(|field| self.field(&field)).collect();
        fields.extend(message.extensions().map(|field| self.extension(&field)));
        fields.sort_by_key(|field| field.number);

        let mut direct = Vec::new();
        for (position, field) in (1..).zip(fields.iter().take_while(|f| f.number < DIRECT)) {
            direct.resize(field.number as usize, 0);
            direct.push(position);
        }
        Table {
            fields,
            direct,
            is_map_entry: message.is_map_entry(),
        }
    }

    fn field(&mut self, field: &FieldDescriptor) -> Field {
        let form = self.form(&field.kind(), field.is_group());
        Field {
            number: field.number(),
            name: field.name().into(),
            form,
            packable: field.is_list() && form.is_scalar(),
        }
    }

    fn extension(&mut self, extension: &ExtensionDescriptor) -> Field {
        let form = self.form(&extension.kind(), extension.is_group());
        Field {
            number: extension.number(),
            name: format!("[{}]", extension.full_name()).into(),
            form,
            packable: extension.is_list() && form.is_scalar(),
        }
    }

    fn form(&mut self, kind: &Kind, is_group: bool) -> Form {
        match kind {
            Kind::Int32
            | Kind::Int64
            | Kind::Uint32
            | Kind::Uint64
            | Kind::Sint32
            | Kind::Sint64
            | Kind::Bool
            | Kind::Enum(_) => Form::Varint,
            Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => Form::Fixed32,
            Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => Form::Fixed64,
            Kind::String => Form::Text,
            Kind::Bytes => Form::Bytes,
            Kind::Message(message) if is_group => Form::Group(self.table(message)),
            Kind::Message(message) => Form::Message(self.table(message)),
        }
    }
}

fn scalar(form: Form, reader: &mut Reader<'_>) -> Result<(), WireError> {
    match form {
        Form::Fixed32 => reader.fixed::<4>().map(drop),
        Form::Fixed64 => reader.fixed::<8>().map(drop),
        _ => reader.varint().map(drop),
    }
}

fn packed(form: Form, mut reader: Reader<'_>) -> Result<(), WireError> {
    while !reader.is_empty() {
        scalar(form, &mut reader)?;
    }
    Ok(())
}

fn deeper(depth: u32, tag: Tag) -> Result<u32, WireError> {
    depth
        .checked_sub(1)
        .ok_or_else(|| WireError::new(WireFault::TooDeep, tag.offset))
}
