package RustPageCache::Django;

# What Django and the old cache packages make of a request and of a body, stated
# again without them: the oracle of the tests of keys and values.

use v5.32;
use warnings;
use experimental 'signatures';

use Digest::MD5 qw(md5_hex);
use Exporter 'import';

our @EXPORT_OK = qw(
    full_path header_key page_key pickled_bytes pickled_dict pickled_list pickled_page pickled_str
    refused_target vary_digest
);

my $path_unsafe  = qr{[^A-Za-z0-9_.\-~/:\@&+\$,!*'()]};
my $query_unsafe = qr{[^A-Za-z0-9_.\-~/\#%\[\]=:;\$&()+,!?*\@']};

# One well-formed UTF-8 sequence (RFC 3629, section 4).
my $utf8 = qr{
    [\x00-\x7f]
  | [\xc2-\xdf][\x80-\xbf]
  | \xe0[\xa0-\xbf][\x80-\xbf]
  | [\xe1-\xec\xee\xef][\x80-\xbf]{2}
  | \xed[\x80-\x9f][\x80-\xbf]
  | \xf0[\x90-\xbf][\x80-\xbf]{2}
  | [\xf1-\xf3][\x80-\xbf]{3}
  | \xf4[\x80-\x8f][\x80-\xbf]{2}
}x;

sub quote ($bytes, $unsafe) {
    return $bytes =~ s/($unsafe)/sprintf '%%%02X', ord $1/ger;
}

# HttpRequest.get_full_path() of a request-target, as bytes, under a WSGI server.
sub full_path ($target) {
    $target = '/' . $target if $target =~ s{^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*/?}{};
    $target =~ s/#.*//s;
    my ($path, $query) = $target =~ /^([^?]*)(?:\?(.*))?$/s;
    $path =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    # repercent_broken_unicode(): what is not UTF-8 becomes text of the form %FF.
    $path =~ s/($utf8+)|(.)/defined $1 ? $1 : sprintf '%%%02X', ord $2/gse;
    my $full = quote('/' . ($path =~ s{/}{}r), $path_unsafe);
    return $full unless length($query // '');
    # QUERY_STRING is latin-1 text in WSGI; iri_to_uri() encodes it as UTF-8.
    utf8::encode($query);
    return $full . '?' . quote($query, $query_unsafe);
}

# A request-target of which nginx, servers and Django make different things.
sub refused_target ($target) {
    my ($path) = $target =~ /^([^?]*)/;
    $path =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    return $target =~ /[\x80-\xff#]/
        || $target !~ m{^/}
        || $target =~ m{^//}
        || $path !~ /\A$utf8*\z/
        || $path =~ m{/\.\.?/};
}

# Pickles as Python writes them; protocol 5 unless told otherwise.
sub pickled_bytes ($bytes, $protocol = 5) {
    my $length = length $bytes;
    my $opcode = $length < 256 ? 'C' . chr $length : 'B' . pack 'V', $length;
    return framed("$opcode$bytes\x94.", $protocol);
}

sub pickled_str ($utf8_bytes, $protocol = 5) {
    my $length = length $utf8_bytes;
    my $opcode = $length < 256 ? "\x8c" . chr $length : 'X' . pack 'V', $length;
    return framed("$opcode$utf8_bytes\x94.", $protocol);
}

# pickle.dumps({'status': 200}): an object that is neither bytes nor str.
sub pickled_dict () {
    return framed("}\x94\x8c\x06status\x94K\xc8s.", 5);
}

# The header entry: a list of names.
sub pickled_list (@names) {
    my $items = join '', map { str($_) } @names;
    return framed(']' . (length $items ? "($items" . 'e' : '') . '.', 5);
}

# The page entry: an HttpResponse as Django 4.0 and later pickle one.
# status, reason; headers => [[name, value], ...]; cookies => [[name, value], ...];
# body => bytes, or chunks => [bytes, ...]
sub pickled_page (%page) {
    my $fields = join '', map { str(lc $_->[0]) . str($_->[0]) . str($_->[1]) . "\x86" }
        @{$page{headers} // []};
    my $chunks = join '', map { blob($_) } @{$page{chunks} // [$page{body} // '']};
    my %state  = (
        headers => instance('django.http.response', 'ResponseHeaders',
            '}' . str('_store') . '}' . (length $fields ? "($fields" . 'u' : '') . 's'),
        _charset          => 'N',
        _resource_closers => ']',
        _handler_class    => 'N',
        cookies           => instance('http.cookies', 'SimpleCookie') . cookies($page{cookies}),
        closed            => "\x89",
        _reason_phrase    => defined $page{reason} ? str($page{reason}) : 'N',
        _container        => "]($chunks" . 'e',
        defined $page{status} ? (status_code => 'M' . pack 'v', $page{status}) : (),
    );
    my $state = '}(' . join('', map { str($_) . $state{$_} } sort keys %state) . 'u';
    return framed(instance('django.http.response', 'HttpResponse', $state) . '.', 5);
}

sub cookies ($cookies) {
    return '' if !@{$cookies // []};
    my $items = '';
    for my $cookie (@$cookies) {
        my ($name, $value) = @$cookie;
        my $attributes = join '', map { str($_) . str('') }
            qw(expires path comment domain max-age secure httponly version samesite);
        my $state = '}(' . str('key') . str($name) . str('value') . str($value)
            . str('coded_value') . str($value) . 'u';
        $items .= str($name) . instance('http.cookies', 'Morsel') . "($attributes" . 'u' . $state . 'b';
    }
    return "($items" . 'u';
}

# An object of a class, with its state if it has one.
sub instance ($module, $class, $state = undef) {
    my $object = str($module) . str($class) . "\x93)\x81";
    return defined $state ? "$object${state}b" : $object;
}

sub str ($bytes) {
    my $length = length $bytes;
    return ($length < 256 ? "\x8c" . chr $length : 'X' . pack 'V', $length) . $bytes;
}

sub blob ($bytes) {
    my $length = length $bytes;
    return ($length < 256 ? 'C' . chr $length : 'B' . pack 'V', $length) . $bytes;
}

# How the values of the headers that a page varies on enter its key; an absent
# one is undef. The four forms are those of the Django releases.
sub vary_digest ($form, @values) {
    my $net  = $form =~ /^netstring/;
    my $text = '';
    for my $value (@values) {
        if    (!defined $value && $form =~ /-absent$/) { $text .= '-,' }
        elsif (!defined $value)                        { $text .= $net ? '0:,' : '' }
        else { $text .= $net ? length($value) . ":$value," : $value }
    }
    return md5_hex($text);
}

# namespace, prefix, uri, suffix (language and zone); the page's also method, digest
sub header_key (%of) {
    return join '', $of{namespace} // ':1:', 'views.decorators.cache.cache_header.', $of{prefix} // '', '.',
        md5_hex($of{uri}), $of{suffix} // '.en-us.UTC';
}

sub page_key (%of) {
    return join '', $of{namespace} // ':1:', 'views.decorators.cache.cache_page.', $of{prefix} // '', '.',
        $of{method} // 'GET', '.', md5_hex($of{uri}), '.', $of{digest} // md5_hex(''),
        $of{suffix} // '.en-us.UTC';
}

sub framed ($opcodes, $protocol) {
    my $frame = $protocol >= 4 ? "\x95" . pack 'Q<', length $opcodes : '';
    return "\x80" . chr($protocol) . "$frame$opcodes";
}

1;
