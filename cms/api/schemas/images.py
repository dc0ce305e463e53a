"""Photos, on their way in, shown, and in the trash."""

from __future__ import annotations

from typing import Any, get_args

from marshmallow import Schema, fields, validate

from cms.api.schemas.common import MAX_LIMIT, Map, Text, said
from cms.model.image import ANY_LOCALE
from cms.model.locales import LOCALE_PATTERN
from cms.model.photo_metadata import MOST_CHARACTERS
from cms.model.variant_sizes import Kind, Reason

_COLOUR = "#rrggbb: what there is most of; null for one that is wholly transparent"
_LOCALE = f"{LOCALE_PATTERN}|^\\{ANY_LOCALE}$"


class Variant(Schema):
    url = fields.String(required=True, metadata=said("what has this address never changes"))
    width = fields.Integer(required=True)
    height = fields.Integer(required=True)
    bytes = fields.Integer(required=True)
    format = fields.String(required=True, validate=validate.OneOf(get_args(Kind)))


class MissingVariant(Schema):
    """A width that cannot be made of this photo."""

    width = fields.Integer(required=True)
    format = fields.String(required=True, validate=validate.OneOf(get_args(Kind)))
    reason = fields.String(
        required=True,
        validate=validate.OneOf(get_args(Reason)),
        metadata=said(
            "too_high: the format has no such height; too_many_pixels: encoding takes too long; animated: only still"
            " photos have variants; unreadable: the photo cannot be decoded, or takes too much time or memory; failed:"
            " the encoder failed, or takes too much time or memory"
        ),
    )


class FocalPoint(Schema):
    """The place that has to stay in sight when the photo is cut; from the upper left."""

    x = fields.Float(required=True, validate=validate.Range(0, 1))
    y = fields.Float(required=True, validate=validate.Range(0, 1))


class FocalPointPatch(Schema):
    """Merge patch of the place: what is left out stays."""

    x = fields.Float(validate=validate.Range(0, 1))
    y = fields.Float(validate=validate.Range(0, 1))


class Shown(Schema):
    """What every image tells; variants are made soon after a photo has come: null and empty until then.

    A width up to the photo's own that is neither in `variants` nor in `variants_missing` is still to come. Where the
    widest cannot be made, `srcset` has the photo itself besides, and `srcset_avif` is null.
    """

    credit = fields.String(required=True, allow_none=True, metadata=said("who took it"))
    copyright = fields.String(required=True, allow_none=True, metadata=said("whose it is"))
    focal_point = fields.Nested(FocalPoint, required=True, allow_none=True)
    placeholder = fields.String(required=True, allow_none=True, metadata=said("a tiny WebP, as a data URI"))
    colour = fields.String(required=True, allow_none=True, metadata=said(_COLOUR))
    variants = fields.List(fields.Nested(Variant), required=True)
    variants_missing = fields.List(fields.Nested(MissingVariant), required=True)
    srcset = fields.String(required=True, allow_none=True, metadata=said("the WebP variants, ready for an img"))
    srcset_avif = fields.String(required=True, allow_none=True, metadata=said("the AVIF variants, for a source"))


class ArticleImage(Shown):
    ref = fields.String(required=True, metadata=said("as the author wrote it"))
    field = fields.String(required=True, allow_none=True, metadata=said("pointer into data; null in the body"))
    alt = fields.String(
        required=True, allow_none=True, metadata=said("the author's; else the photo's own in the article's locale")
    )
    caption = fields.String(required=True, allow_none=True, metadata=said("in the article's locale"))
    path = fields.String(required=True, allow_none=True, metadata=said("below src/assets"))
    url = fields.String(required=True, allow_none=True)
    sha256 = fields.String(required=True, allow_none=True)
    bytes = fields.Integer(required=True, allow_none=True)
    width = fields.Integer(required=True, allow_none=True)
    height = fields.Integer(required=True, allow_none=True)
    format = fields.String(required=True, allow_none=True)
    version = fields.String(required=True, allow_none=True)
    missing = fields.Boolean(required=True, metadata=said("there is no such photo in the site"))


def texts(**options: Any) -> Map:
    """Texts by locale."""
    keys = Text(validate=validate.Regexp(_LOCALE))
    text = Text(validate=validate.Length(1, 1000), allow_none=options.pop("is_patch", False))
    return Map(keys=keys, values=text, **options)


class Image(Shown):
    path = fields.String(required=True, metadata=said("below src/assets"))
    url = fields.String(required=True)
    sha256 = fields.String(required=True)
    bytes = fields.Integer(required=True)
    width = fields.Integer(required=True, allow_none=True, metadata=said("pixels, upright"))
    height = fields.Integer(required=True, allow_none=True)
    format = fields.String(required=True)
    alt = texts(required=True, metadata=said("by locale; * is for every other"))
    caption = texts(required=True, metadata=said("by locale; * is for every other"))
    version = fields.String(required=True, metadata=said("changes with the bytes and with what is said of them"))


class UsedImage(Image):
    used_by = fields.List(fields.String(), required=True, metadata=said("of articles and working copies that show it"))


class ImagePatch(Schema):
    """Merge patch of what is said of a photo: null takes it back."""

    alt = texts(is_patch=True, allow_none=True, validate=validate.Length(0, 50))
    caption = texts(is_patch=True, allow_none=True, validate=validate.Length(0, 50))
    credit = Text(allow_none=True, validate=validate.Length(1, MOST_CHARACTERS))
    copyright = Text(allow_none=True, validate=validate.Length(1, MOST_CHARACTERS))
    focal_point = fields.Nested(FocalPointPatch, allow_none=True)


class ImagePage(Schema):
    items = fields.List(fields.Nested(Image), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ImageQuery(Schema):
    folder = Text()
    unused = fields.Boolean(
        load_default=False, metadata=said("true: those to which no article or working copy refers that you may see")
    )
    limit = fields.Integer(load_default=50, validate=validate.Range(1, MAX_LIMIT))
    cursor = Text()


class StoredImage(Image):
    ref = fields.String(required=True, metadata=said("how the article refers to it, in the site's own spelling"))
    markdown = fields.String(required=True, metadata=said("paste it into the body"))


class StoredImages(Schema):
    items = fields.List(fields.Nested(StoredImage), required=True)


class AnnouncedFile(Schema):
    name = Text(required=True, validate=validate.Length(1, 255))
    bytes = fields.Integer(required=True, strict=True, validate=validate.Range(1))
    type = Text(required=True, metadata=said("its media type, as in image/jpeg"))


class NewUploads(Schema):
    article = Text(metadata=said("the article they belong to, as in blog/en/14-post"))
    folder = Text(metadata=said("or a folder below src/assets"))
    keep_credit = fields.Boolean(load_default=False, metadata=said("keep who took it and whose it is, as fields"))
    files = fields.List(fields.Nested(AnnouncedFile), required=True, validate=validate.Length(1))


class BegunUpload(Schema):
    id = fields.String(required=True)
    method = fields.String(required=True, validate=validate.Equal("PUT"))
    url = fields.String(required=True, metadata=said("send the file's bytes here, with these headers"))
    headers = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    expires_at = fields.AwareDateTime(required=True)


class BegunUploads(Schema):
    items = fields.List(fields.Nested(BegunUpload), required=True)


class TrashedImage(Schema):
    id = fields.String(required=True)
    path = fields.String(required=True)
    sha256 = fields.String(required=True)
    bytes = fields.Integer(required=True)
    width = fields.Integer(required=True, allow_none=True)
    height = fields.Integer(required=True, allow_none=True)
    format = fields.String(required=True)
    placeholder = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, validate=validate.OneOf(["deleted", "replaced"]))
    actor = fields.String(required=True, metadata=said("who did it"))
    time = fields.AwareDateTime(required=True)
    expires_at = fields.AwareDateTime(required=True, metadata=said("restorable until then"))


class TrashPage(Schema):
    items = fields.List(fields.Nested(TrashedImage), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class TrashQuery(Schema):
    path = Text(metadata=said("only of this photo"))
    limit = fields.Integer(load_default=50, validate=validate.Range(1, MAX_LIMIT))
    cursor = Text()
