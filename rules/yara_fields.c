#include "rules/yara_fields.h"

enum variable {
	FILENAME,
	FILEPATH,
	EXTENSION,
	FILETYPE,
	OWNER
};

static uint8_t known_of_shape(const struct yara_fields *f, const struct batch *batch, uint16_t shape)
{
	static const uint8_t speaks_for[YARA_FIELD_COUNT] = {1u << FILENAME | 1u << EXTENSION,
														 1u << FILENAME | 1u << FILEPATH | 1u << EXTENSION,
														 1u << EXTENSION,
														 1u << FILETYPE,
														 1u << OWNER,
														 1u << OWNER};
	uint32_t count;
	uint8_t known = 0;
	const uint8_t *fields = batch_shape(batch, shape, &count);
	for (uint32_t i = 0; i < count; i++)
		for (unsigned k = 0; k < YARA_FIELD_COUNT; k++)
			if (get_u16(fields + (size_t)i * 4) == f->names[k])
				known |= speaks_for[k];
	for (uint32_t i = 0; i < count; i++)
		if (f->texts.ptr[get_u16(fields + (size_t)i * 4)])
			known |= YARA_HAS_TEXTS;
	return known;
}

/* True when one of the names is there. */
static bool bind(const struct batch *batch, const char *const *names, unsigned count, uint32_t *out)
{
	bool some = false;
	for (unsigned k = 0; k < count; k++)
		out[k] = BATCH_NO_INDEX;
	for (uint32_t i = 0; i < batch->name_count; i++)
		for (unsigned k = 0; k < count; k++)
			if (slice_equal(batch_name(batch, (uint16_t)i), slice_str(names[k]))) {
				out[k] = i;
				some = true;
			}
	return some;
}

void yara_fields_bind(struct yara_fields *f, const struct batch *batch)
{
	static const char *const names[YARA_FIELD_COUNT] = {"file.name", "file.path",  "file.extension",
														"file.type", "file.owner", "user.name"};
	static const char *const texts[YARA_TEXTS] = {"message", "process.command_line", "CommandLine", "ScriptBlockText",
												  "url.original"};
	f->some = bind(batch, names, YARA_FIELD_COUNT, f->names);
	uint32_t found[YARA_TEXTS];
	f->some |= bind(batch, texts, YARA_TEXTS, found);
	buffer_reset(&f->texts);
	buffer_add_zeros(&f->texts, batch->name_count);
	f->some &= !f->texts.failed;
	for (unsigned k = 0; f->some && k < YARA_TEXTS; k++)
		if (found[k] != BATCH_NO_INDEX)
			f->texts.ptr[found[k]] = 1;
	buffer_reset(&f->known);
	for (uint32_t i = 0; f->some && i < batch->shape_count; i++)
		buffer_add_octet(&f->known, known_of_shape(f, batch, (uint16_t)i));
}

static struct slice last_part(struct slice path)
{
	size_t at = path.len;
	while (at > 0 && path.ptr[at - 1] != '/' && path.ptr[at - 1] != '\\')
		at--;
	return slice_from(path, at);
}

/* With its point: that is how rules write it. */
static struct slice extension_of(struct slice name, struct slice given, struct yara_values *out)
{
	size_t at = name.len;
	if (given.len > 0 && given.ptr[0] != '.' && given.len < sizeof out->extension) {
		out->extension[0] = '.';
		memcpy(out->extension + 1, given.ptr, given.len);
		return slice_of(out->extension, given.len + 1);
	}
	while (at > 0 && name.ptr[at - 1] != '.')
		at--;
	return given.len ? given : at > 0 ? slice_from(name, at - 1) : SLICE_NONE;
}

void yara_fields_values(const struct yara_fields *f, const struct batch *batch, const struct batch_row *row,
						struct yara_values *out)
{
	struct slice found[YARA_FIELD_COUNT] = {0};
	char small[12]; /* of numbers in the slice's place, which are passed over */
	for (uint32_t i = row->field_first; f->some && i < row->field_first + row->field_count; i++)
		for (unsigned k = 0; k < YARA_FIELD_COUNT; k++) {
			struct batch_value value;
			if (batch_value_name(row, i) != f->names[k] || found[k].len)
				continue;
			batch_get_value(batch, row, i, &value);
			if (value.type != VALUE_NULL && value.type != VALUE_SMALL)
				found[k] = batch_value_text(&value, small);
		}
	out->of[FILENAME] = found[YARA_FIELD_NAME].len ? found[YARA_FIELD_NAME] : last_part(found[YARA_FIELD_PATH]);
	out->of[FILEPATH] = found[YARA_FIELD_PATH];
	out->of[EXTENSION] = extension_of(out->of[FILENAME], found[YARA_FIELD_EXTENSION], out);
	out->of[FILETYPE] = found[YARA_FIELD_TYPE];
	out->of[OWNER] = found[YARA_FIELD_OWNER].len ? found[YARA_FIELD_OWNER] : found[YARA_FIELD_USER];
}

bool yara_fields_text(const struct yara_fields *f, const struct batch *batch, const struct batch_row *row, uint32_t i,
					  struct slice *out)
{
	struct batch_value value;
	if (!f->texts.ptr[batch_value_name(row, row->field_first + i)])
		return false;
	batch_get_value(batch, row, row->field_first + i, &value);
	*out = value.text;
	return value.type == VALUE_STRING && !value.in_original && value.text.len > 0;
}
