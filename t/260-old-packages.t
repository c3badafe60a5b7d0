# The keys and values of the old cache packages, as their own runs recorded them: every page is
# found, but for those named below. VECTORS is a folder with more records than t/fixtures.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use JSON::PP;
use MIME::Base64 qw(decode_base64);

# The recipes of the reference. What a record was run with differs, so the
# prefix and the namespace come with the request.
my %recipe = (
    'soyrex-prefix'         => 'key=prefix prefix=$http_x_prefix namespace=$http_x_namespace',
    'djanginxed-md5'        => 'key=md5 namespace=$http_x_namespace$http_x_prefix',
    'djanginxed-readme-md5' => 'key=md5 prefix=$http_x_prefix namespace=$http_x_namespace',
    'nginx-redis-cache' =>
        'key=md5 uri=$http_host$rust_page_cache_full_path namespace=$http_x_namespace',
);
my %store = (memcached => memcached, redis => redis);

my (%port, $http);
for my $scheme (sort keys %recipe) {
    for my $kind (sort keys %store) {
        $port{$scheme}{$kind} = free_port;
        $http .= <<"CONF";
    server {
        listen 127.0.0.1:$port{$scheme}{$kind};
        location / {
            rust_page_cache @{[$store{$kind}->uri]} $recipe{$scheme};
        }
        location \@django {
            return 200 "fallback";
        }
    }
CONF
    }
}
my $nginx = nginx(http => $http, errors => ['format=django']);

# Cases that are stored and not served, by the last part of their id.
my %exception = (
    # A server or a client may take such a target for another one.
    'double-slash-host' => 'BYPASS target',    # //evil.example/x
    'double-slash-lead' => 'BYPASS target',    # //a/b
    'dot-seg'           => 'BYPASS target',    # /a/./b/
    'dotdot'            => 'BYPASS target',    # /a/../b/
    'pct-invalid-utf8'  => 'BYPASS target',    # /x%FFy/
    'query-utf8-raw'    => 'BYPASS target',    # bytes over 0x7f, as they are
    'raw-utf8-path'     => 'BYPASS target',
    'empty'             => 'MISS absent',      # no byte of a body
    'status-301'        => 'MISS absent',
);

# Django before 1.8 did not quote the path: nobody can tell these keys from those of other targets.
my %unquoted = map { $_ => 1 } qw(newline-path pct-hash pct-question
    pct-semicolon semicolon-path space-path);

my %hits;
my $folder = $ENV{VECTORS} // "$FindBin::Bin/fixtures";
for my $scheme (sort keys %recipe) {
    for my $file (glob "$folder/$scheme.*.jsonl") {
        open my $in, '<:raw', $file or die "$file: $!\n";
        check($scheme, decode_json $_) while <$in>;
    }
    cmp_ok $hits{$scheme} // 0, '>', 10, "$scheme: enough of the records are pages to be served";
}
$nginx->finish;

sub check ($scheme, $record) {
    return unless $record->{stored} && $record->{request}{method} =~ /^(?:GET|HEAD)$/;
    my ($case) = $record->{id} =~ m{([^/#]+)#};
    my $old = $record->{django} =~ /^1\.[0-7]\./;
    return if $old && $unquoted{$case};
    my $expect = $record->{expect};
    my $key    = decode_base64($expect->{key_b64});
    my $store  = $store{$record->{backend}{kind}};
    $store->set($key, decode_base64($expect->{value_b64}), $expect->{flags} // 0);

    my ($prefix, $namespace) = parameters($scheme, $record, $key);
    my $raw = decode_base64($record->{request}{raw_b64});
    $raw =~ s/\r\n/\r\nX-Prefix: $prefix\r\nX-Namespace: $namespace\r\n/;
    my $port     = $port{$scheme}{$record->{backend}{kind}};
    my $response = RustPageCache::Client->connect($port)->send($raw)
        ->response(head => $record->{request}{method} eq 'HEAD');

    my $outcome = $exception{$case} // 'HIT';
    # djanginxed 0.0.1 stored whole responses.
    $outcome = 'MISS pickled' if $outcome eq 'HIT' && !defined $expect->{response}{body_b64};
    is $response->cache, $outcome, "$record->{id}: $outcome";
    is $response->header('X-Cache-Key'), $key, "$record->{id}: key" if $outcome !~ /BYPASS/;
    return unless $outcome eq 'HIT';
    $hits{$scheme}++;
    my $body = decode_base64($expect->{response}{body_b64});
    is $response->header('Content-Length'), length $body, "$record->{id}: length";
    is $response->body, $record->{request}{method} eq 'HEAD' ? '' : $body, "$record->{id}: body";
    return;
}

# The namespace is what stands before the part that the recipe makes.
sub parameters ($scheme, $record, $key) {
    my $settings = $record->{settings};
    my $prefix   = $settings->{CACHE_KEY_PREFIX} // $settings->{ARGS}{key_prefix}
        // $settings->{CACHE_MIDDLEWARE_KEY_PREFIX} // '';
    if ($scheme eq 'soyrex-prefix') {
        my ($namespace) = $key =~ /^(.*?)\Q$prefix\E-/;
        return ($prefix, $namespace);
    }
    my ($namespace) = $key =~ /^(.*)[0-9a-f]{32}$/s;
    return $scheme eq 'djanginxed-readme-md5' ? ($prefix, $namespace) : ('', $namespace);
}

done_testing;
