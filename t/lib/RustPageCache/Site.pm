package RustPageCache::Site;

# An nginx in front of recorded Django sites: what differs between them (prefix,
# namespace, language, time zone, origin) comes with the request, so that one
# nginx serves all records of all releases, from memcached and from Redis.

use v5.32;
use warnings;
use experimental 'signatures';

use Exporter 'import';
use MIME::Base64 qw(decode_base64);

use RustPageCache;
use RustPageCache::Django qw(full_path);

our @EXPORT_OK = qw(comparable_fields parameters);

my %store = (memcached => \&memcached, redis => \&redis);

# versions => values of django=; errors, extra => as of RustPageCache::nginx
sub start ($class, %options) {
    my $self = bless {port => {}}, $class;
    my $http = '';
    for my $version (@{$options{versions}}) {
        for my $kind (sort keys %store) {
            for my $uri ('', 'uri=$http_x_test_origin$rust_page_cache_full_path') {
                my $port = $self->{port}{$version}{$kind}{$uri ? 'given' : 'default'} = free_port;
                $http .= <<"CONF";
    server {
        listen 127.0.0.1:$port;
        # Nothing was between the recorded clients and Django.
        rust_page_cache_set_header Authorization \$http_authorization;
        rust_page_cache_set_header Content-Type "";
        rust_page_cache_set_header Host \$http_host;
        rust_page_cache_set_header X-A \$http_x_a;
        rust_page_cache_set_header X-B \$http_x_b;
        location / {
            rust_page_cache @{[$store{$kind}->()->uri]} django=$version prefix=\$http_x_test_prefix
                namespace=\$http_x_test_namespace lang=\$http_x_test_lang
                timezone=\$http_x_test_zone $uri;
        }
        location \@django {
            return 200 "fallback";
        }
    }
CONF
            }
        }
    }
    $self->{nginx} = nginx(http => $http, errors => $options{errors} // ['rust_page_cache']);
    return $self;
}

sub nginx_process ($self) { return $self->{nginx} }

# Puts a stored value into the store that it came from.
sub put ($self, $kind, $entry) {
    my $key = defined $entry->{key_b64} ? decode_base64($entry->{key_b64}) : bytes($entry->{key});
    my $value = decode_base64($entry->{value_b64});
    $kind eq 'memcached'
        ? memcached->set($key, $value, $entry->{flags} // 0)
        : redis->set($key, $value);
    return $key;
}

# Sends a recorded request to the server for `$version`.
sub ask ($self, $version, $kind, $request, %parameter) {
    my $raw    = decode_base64($request->{raw_b64});
    my $given  = defined $parameter{origin} ? 'given' : 'default';
    my %header = (
        Prefix    => $parameter{prefix},
        Namespace => $parameter{namespace},
        Lang      => $parameter{language},
        Zone      => $parameter{timezone},
        Origin    => $parameter{origin},
    );
    my $extra = join '', map { "X-Test-$_: $header{$_}\r\n" }
        grep { length($header{$_} // '') } sort keys %header;
    $raw =~ s/\r\n/\r\n$extra/;
    return RustPageCache::Client->connect($self->{port}{$version}{$kind}{$given})->send($raw)
        ->response(head => $request->{method} eq 'HEAD');
}

# What the directive has to say for a record, told from the key that Django made.
sub parameters ($record, $key) {
    my ($namespace, $prefix) = $key =~ m{
        ^ (.*?) views\.decorators\.cache\.cache_(?:header|page)\.
        (.*?) (?:\.GET|\.HEAD)? \.[0-9a-f]{32}
    }sx;
    my %parameter = (
        prefix    => $prefix,
        namespace => $namespace,
        language  => $record->{language},
        timezone  => $record->{timezone},
    );
    my $target = bytes($record->{request}{target});
    my $path   = full_path($target);
    my $origin = ($record->{absolute_uri} // '') =~ s/\Q$path\E\z//r;
    my ($host) = map { $_->[1] } grep { lc $_->[0] eq 'host' } @{$record->{request}{headers}};
    $parameter{origin} = $origin if defined $record->{absolute_uri} && $origin ne "http://@{[$host // '']}";
    return %parameter;
}

# Names of header fields that say nothing about the page itself.
my %incomparable = map { $_ => 1 } qw(
    age accept-ranges connection content-length date etag server transfer-encoding
    x-cache x-cache-key x-cache-reason
);

# The header fields of a response, comparable: sorted `name: value`.
sub comparable_fields (@fields) {
    return sort map { lc($_->[0]) . ': ' . $_->[1] =~ s{^\s+|\s+$}{}gr }
        grep { !$incomparable{lc $_->[0]} } @fields;
}

# Strings of the records are views of bytes.
sub bytes ($text) {
    utf8::encode($text) if !utf8::downgrade($text, 1);
    return $text;
}

1;
