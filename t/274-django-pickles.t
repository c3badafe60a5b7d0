# Pickles that are pages are served; those that are none are refused, whatever they hold.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use MIME::Base64 qw(decode_base64);

use RustPageCache::Site qw(comparable_fields);

my $nginx = nginx(
    errors => ['rust_page_cache'],
    server => <<"CONF",
    location /memcached {
        rust_page_cache @{[memcached->uri]} key=raw uri=page format=django;
    }
    location /redis {
        rust_page_cache @{[redis->uri]} key=raw uri=page format=django;
    }
    location \@django {
        return 200 "fallback";
    }
CONF
);

my %seen;
for my $record (fixture('decoder.jsonl')) {
    my $value = decode_base64($record->{value_b64});
    memcached->set('page', $value, 1);
    redis->set('page', $value);
    check($record, $_) for '/memcached', '/redis';
}
cmp_ok $seen{$_} // 0, '>', 10, "enough of the records are a case of: $_" for 'accept', 'refuse';

# One line for many, with the key and the place where reading ended.
my @lines = $nginx->log_lines('\[error\]');
cmp_ok scalar @lines, '>', 0, 'there is a line about them';
cmp_ok scalar @lines, '<', 100, 'and not one for each';
like $lines[0] // '', qr/"page".*\d/, 'with the key and a position';

memcached->set('page', decode_base64((fixture('decoder.jsonl'))[0]{value_b64}), 1);
is $nginx->get('/memcached')->cache, 'HIT', 'and after all of them a page is a page';
$nginx->finish;

sub check ($record, $where) {
    my $response = $nginx->get($where);
    my $name     = "$record->{id}, $where";
    return fail("$name: an answer") if !$response;
    my $hit = $response->cache eq 'HIT';
    is $response->body, 'fallback', "$name: the fallback answers" if !$hit;
    unlike $response->head =~ s/\r\n//gr, qr/[\r\n\0]/, "$name: no CR, LF or NUL in a header";
    return if $record->{strictness} ne 'must' && !($record->{strictness} eq 'either' && $hit);

    $seen{$record->{expect}}++;
    return like $response->cache, qr/^(?:ERROR undecodable|MISS (?:set-cookie|x-accel))$/, "$name: refused"
        if $record->{expect} eq 'refuse' && $record->{strictness} eq 'must';
    my $page = $record->{page} // return;
    # A page that sets a cookie is made for one client.
    return is $response->cache, 'MISS set-cookie', "$name: not for everybody" if @{$page->{cookies}};
    is $response->cache, 'HIT', "$name: served" or return;
    is $response->status, $page->{status}, "$name: status";
    is $response->body, decode_base64($page->{body_b64}), "$name: body";
    my @fields = map { [map { RustPageCache::Site::bytes($_) } @$_] } @{$page->{headers}};
    is_deeply [comparable_fields(@{$response->{headers}})], [comparable_fields(@fields)], "$name: headers";
    return;
}

done_testing;
